"""Tool-call ids of any origin."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.parts import Signature
from headgate.protocols.anthropic_messages.ids import is_wrapped, read_id, unpack, wire_id

ACCEPTED = re.compile(r"^[a-zA-Z0-9_-]+$")


def test_an_accepted_id_is_left_alone() -> None:
    """OpenAI's and Anthropic's ids go as they are."""
    for call_id in ("toolu_01A", "call_9f-2"):
        assert wire_id(call_id) == call_id
        assert read_id(call_id) == (call_id, None)


@given(st.text())
def test_any_id_becomes_acceptable_and_comes_back(call_id: str) -> None:
    """The same id always maps to the same wire id, and back."""
    wire = wire_id(call_id)
    assert ACCEPTED.fullmatch(wire)
    assert wire_id(call_id) == wire
    assert read_id(wire) == (call_id, None)


def test_an_id_carries_another_vendors_signature() -> None:
    """Gemini wants its thought signature back with the call; the id is what a client surely returns."""
    signature = Signature("gemini_generate", "CiQB+/=")
    wire = wire_id("call_1", signature)
    assert ACCEPTED.fullmatch(wire)
    assert read_id(wire) == ("call_1", signature)


@pytest.mark.parametrize("text", ["hgid_", "hgid_!!", "hgid_AAAA", "hgid_WzFd", "hgid_ñ"])
def test_what_only_looks_wrapped_is_an_id_like_any_other(text: str) -> None:
    """Nothing is refused for its looks."""
    assert is_wrapped(text)
    assert read_id(text) == (text, None)


def test_unpacking_what_was_not_packed_fails() -> None:
    """Other characters are a ValueError."""
    with pytest.raises(ValueError, match="ascii"):
        unpack("ñ")
