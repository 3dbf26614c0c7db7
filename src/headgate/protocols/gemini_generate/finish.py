"""Why an answer ended, in Google's words and in ours. Reasons: google-genai 3.4 `FinishReason`, 2026-11."""

from headgate.canonical.stream import FinishReason

_CANONICAL: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "CONTINUATION": "pause",
}
_WIRE: dict[FinishReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "context_length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    # A CONTINUATION would promise a token to go on with, which only Google gives.
    "pause": "OTHER",
    "error": "OTHER",
}
MESSAGES: dict[FinishReason, str] = {
    "pause": "The model paused its turn; send this answer back to let it go on.",
    "refusal": "The model declined to answer.",
}


def decode_finish(reason: str, *, called: bool) -> FinishReason:
    """`called`: the answer has a function call, for which Google has no reason of its own. A reason nobody knows (and
    MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, NO_IMAGE, OTHER and their like) is an error."""
    found = _CANONICAL.get(reason, "error")
    return "tool_calls" if found == "stop" and called else found


def encode_finish(reason: FinishReason) -> str:
    return _WIRE[reason]


def explains_emptiness(reason: str | None) -> bool:
    """Whether an answer without content is an answer all the same: it was blocked, or thinking used up its limit."""
    return reason is not None and _CANONICAL.get(reason) in {"content_filter", "length", "pause"}
