"""Strict reading of bodies."""

import msgspec
import pytest

from headgate.canonical.failure import Refused
from headgate.protocols.openai_chat.wire import UNREADABLE, number, objects, optional, read_object, refusal_of, required


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b'{"\xff":1}', "not valid UTF-8"),
    ],
)
def test_unreadable_body_is_told_in_plain_words(body: bytes, words: str) -> None:
    """Whatever the reader raised."""
    with pytest.raises(UNREADABLE) as caught:
        read_object(body)
    assert words in str(refusal_of(caught.value))


def test_members_are_checked_one_by_one() -> None:
    """The path is told, its first member is the parameter; a boolean is no number."""
    assert optional({"a": None}, "a", str, "") is None
    assert number({"t": 1}, "t") == 1
    for wrong in ({"a": 1}, {"a": True}):
        with pytest.raises(Refused, match=r"messages\[0\].a") as refused:
            optional(wrong, "a", str, "messages[0]")
        assert refused.value.failure.param == "messages"
    with pytest.raises(Refused, match="required"):
        required({}, "a", str, "")
    with pytest.raises(Refused, match="boolean"):
        optional({"a": True}, "a", int, "")
    with pytest.raises(Refused, match=r"x\[1\]"):
        objects([{}, "y"], "x")


def test_reader_of_objects_keeps_what_it_is_given() -> None:
    """Untyped, and only objects."""
    assert read_object(b'{"a":[1,null]}') == {"a": [1, None]}
    assert issubclass(msgspec.ValidationError, UNREADABLE[0])
