"""The counting rule."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.sandbox.tokens import count, split


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    """Nothing of a text is lost or added, whatever it is written in."""
    assert "".join(split(text)) == text
    assert count(text) == len(split(text))


def test_a_token_is_six_letters_or_one_sign() -> None:
    """The rule as the documentation states it."""
    assert split("Hello, wonderful world!") == ("Hello", ",", " wonder", "ful", " world", "!")
