"""Why answers end."""

import pytest
from google.genai import types

from headgate.canonical.stream import FinishReason
from headgate.protocols.gemini_generate.finish import decode_finish, encode_finish, explains_emptiness

ENDINGS: list[tuple[FinishReason, str]] = [
    ("stop", "STOP"),
    ("stop_sequence", "STOP"),
    ("tool_calls", "STOP"),
    ("length", "MAX_TOKENS"),
    ("context_length", "MAX_TOKENS"),
    ("content_filter", "SAFETY"),
    ("refusal", "SAFETY"),
    ("pause", "OTHER"),
    ("error", "OTHER"),
]


@pytest.mark.parametrize(("reason", "wire"), ENDINGS)
def test_every_canonical_reason_has_a_word(reason: FinishReason, wire: str) -> None:
    """One that google-genai knows."""
    assert encode_finish(reason) == wire
    assert wire in types.FinishReason.__members__


def test_every_reason_of_the_sdk_is_read() -> None:
    """A filter is a filter; what nobody can act on is an error."""
    filters = {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}
    filters |= {"IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"}
    for reason in types.FinishReason:
        found = decode_finish(reason.name, called=False)
        assert (found == "content_filter") == (reason.name in filters), reason
    assert decode_finish("MALFORMED_FUNCTION_CALL", called=True) == "error"
    assert decode_finish("SOMETHING_NEW", called=False) == "error"


def test_a_call_ends_an_answer() -> None:
    """Google says STOP to it."""
    assert decode_finish("STOP", called=True) == "tool_calls"
    assert decode_finish("MAX_TOKENS", called=True) == "length"


def test_some_endings_explain_an_empty_answer() -> None:
    """They would be the same on a second try."""
    assert explains_emptiness("SAFETY")
    assert explains_emptiness("MAX_TOKENS")
    assert not explains_emptiness("STOP")
    assert not explains_emptiness(None)
