"""Errors of the Responses API: OpenAI's envelope before a stream, and `error` with `response.failed` inside one."""

from collections.abc import Mapping

from headgate.canonical.failure import Failure, Kind
from headgate.canonical.parts import Json
from headgate.protocols.framing import encode_event
from headgate.protocols.openai_error import decode_error, encode_error, error_object, failure_of
from headgate.protocols.openai_responses.wire import Object, encode, response_id

__all__ = ["decode_error", "encode_error", "encode_failed", "encode_stream_error", "error_object", "failure_of"]


_CODES: dict[Kind, str] = {
    Kind.RATE_LIMITED: "rate_limit_exceeded",
    Kind.INVALID_REQUEST: "invalid_prompt",
    Kind.CONTENT_POLICY: "invalid_prompt",
    Kind.CONTEXT_TOO_LONG: "context_length_exceeded",
    Kind.INSUFFICIENT_BALANCE: "insufficient_quota",
    Kind.KEY_BUDGET_SPENT: "insufficient_quota",
}


def _code(failure: Failure) -> str:
    """The code of a response that failed: a word of the API's own, by which agents decide whether to try again."""
    return _CODES.get(failure.kind, "server_error")


def encode_stream_error(failure: Failure, request_id: str) -> bytes:
    """The last events of a stream that has begun and of which nothing more is known than that it failed."""
    response: Object = {
        "id": response_id(request_id),
        "object": "response",
        "created_at": 0,
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return encode_failed(failure, request_id, response, 0)


def encode_failed(failure: Failure, request_id: str, response: Mapping[str, object], sequence_number: int) -> bytes:
    """`error`, then `response.failed` with the response as far as it came.

    Both, and in this order, as recorded (openai/error-in-stream). The error event has its fields in both places where
    they are looked for: nested, where the live API puts them and the SDK raises on them, and flat, as the API
    reference has it.
    """
    error = error_object(failure, request_id)
    flat = {name: error[name] for name in ("code", "message", "param")}
    told: Object = {"type": "error", "sequence_number": sequence_number, **flat, "error": error}
    why: dict[str, Json] = {"code": _code(failure), "message": error["message"]}
    failed: dict[str, object] = {
        "type": "response.failed",
        "sequence_number": sequence_number + 1,
        "response": {**response, "status": "failed", "error": why},
    }
    return encode_event(encode(told), "error") + encode_event(encode(failed), "response.failed")
