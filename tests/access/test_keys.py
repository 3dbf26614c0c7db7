"""API keys: made, chosen, recognised."""

import hashlib
import re

import pytest

from headgate.access.keys import check_key, hash_key, make_key


def test_a_made_key_is_random_and_has_no_dash_after_its_prefix() -> None:
    """Two keys differ, and each is `sk-` with 48 characters of base62."""
    first, second = make_key(), make_key()
    assert first.text != second.text
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", first.text)


def test_the_hash_covers_the_whole_key() -> None:
    """SHA-256 of the text as shown."""
    key = make_key()
    assert key.hash == hashlib.sha256(key.text.encode()).digest()


def test_the_prefix_may_be_left_out() -> None:
    """A key is recognised with and without `sk-`, whichever way it was written down."""
    made = make_key()
    assert hash_key(made.text[3:].encode()) == made.hash
    chosen = check_key("chosen0123456789")
    assert hash_key(b"sk-chosen0123456789") == chosen.hash == hash_key(b"chosen0123456789")


def test_the_hint_shows_little() -> None:
    """Enough to tell keys apart, too little to guess one."""
    key = make_key()
    assert key.hint == f"{key.text[:5]}…{key.text[-4:]}"
    assert check_key("sk-0123456789abcdef").hint == "sk-0…ef"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sk-short", "16 to 256"),
        ("x" * 257, "16 to 256"),
        ("sk-with space 0123456789", "without spaces"),
        ("sk-ümlaut-0123456789", "ASCII"),
        ("no-prefix-0123456789", "begin with sk-"),
    ],
)
def test_a_bad_choice_is_refused_without_repeating_it(text: str, complaint: str) -> None:
    """The operator learns what is wrong; the log does not learn the key."""
    with pytest.raises(ValueError, match=complaint) as refused:
        check_key(text)
    assert text not in str(refused.value)


def test_a_chosen_key_may_have_dashes_after_the_prefix() -> None:
    """Its text is kept exactly."""
    assert check_key("sk-dev-0123456789abcdef").text == "sk-dev-0123456789abcdef"
