"""Error answers and error events, in both directions (contract 3.4).

Anthropic's SDKs choose their exception by status, and read `request-id` and `retry-after` from the headers.
"""

import math
from collections.abc import Mapping

import msgspec

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import DEFAULT_STATUS, Blame, Failure, Kind
from headgate.protocols.anthropic_messages.wire import Obj, dump
from headgate.protocols.framing import encode_event

_TYPES: dict[Kind, str] = {
    Kind.INVALID_REQUEST: "invalid_request_error",
    Kind.MODEL_PRICE: "invalid_request_error",
    Kind.CONTEXT_TOO_LONG: "invalid_request_error",
    Kind.CONTENT_POLICY: "invalid_request_error",
    Kind.AUTHENTICATION: "authentication_error",
    Kind.PERMISSION: "permission_error",
    Kind.INSUFFICIENT_BALANCE: "billing_error",
    Kind.KEY_BUDGET_SPENT: "billing_error",
    Kind.NOT_FOUND: "not_found_error",
    Kind.MODEL_NOT_FOUND: "not_found_error",
    Kind.METHOD_NOT_ALLOWED: "invalid_request_error",
    Kind.REQUEST_TIMEOUT: "timeout_error",
    Kind.TOO_LARGE: "request_too_large",
    Kind.UNSUPPORTED_MEDIA: "invalid_request_error",
    Kind.RATE_LIMITED: "rate_limit_error",
    Kind.INTERNAL: "api_error",
    Kind.NOT_IMPLEMENTED: "api_error",
    Kind.UPSTREAM: "api_error",
    Kind.EMPTY: "api_error",
    Kind.UNAVAILABLE: "api_error",
    Kind.OVERLOADED: "overloaded_error",
    Kind.TIMED_OUT: "timeout_error",
}
_KINDS: dict[str, Kind] = {
    "invalid_request_error": Kind.INVALID_REQUEST,
    "authentication_error": Kind.AUTHENTICATION,
    "billing_error": Kind.INSUFFICIENT_BALANCE,
    "permission_error": Kind.PERMISSION,
    "not_found_error": Kind.NOT_FOUND,
    "request_too_large": Kind.TOO_LARGE,
    "rate_limit_error": Kind.RATE_LIMITED,
    "timeout_error": Kind.TIMED_OUT,
    "api_error": Kind.UPSTREAM,
    "overloaded_error": Kind.OVERLOADED,
}
_STATUS_KINDS: dict[int, Kind] = {
    400: Kind.INVALID_REQUEST,
    401: Kind.AUTHENTICATION,
    402: Kind.INSUFFICIENT_BALANCE,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD_NOT_ALLOWED,
    408: Kind.REQUEST_TIMEOUT,
    413: Kind.TOO_LARGE,
    415: Kind.UNSUPPORTED_MEDIA,
    422: Kind.INVALID_REQUEST,
    429: Kind.RATE_LIMITED,
    500: Kind.UPSTREAM,
    502: Kind.UPSTREAM,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
    529: Kind.OVERLOADED,
}
_CALLERS = frozenset(
    {Kind.INVALID_REQUEST, Kind.CONTEXT_TOO_LONG, Kind.CONTENT_POLICY, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA}
)
_TOO_LONG = ("prompt is too long", "exceed context limit", "context window")
_NO_CREDIT = "credit balance is too low"


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer, in its words."""
    error = _error_object(body)
    said, kind_word = error.get("message"), error.get("type")
    message = said if isinstance(said, str) and said else f"the upstream answered with status {status}"
    type_ = kind_word if isinstance(kind_word, str) else None
    kind = _kind(status, type_, message)
    return Failure(
        kind=kind,
        message=message,
        blame=Blame.CALLER if kind in _CALLERS else Blame.UPSTREAM,
        status=0 if DEFAULT_STATUS[kind] == status else status,
        type=type_,
        retry_after_s=_retry_after(headers),
    )


def decode_stream_error(event: Obj) -> Failure:
    """An `error` event inside a stream that has begun."""
    error = event.get("error")
    error = error if isinstance(error, dict) else {}
    word, said = error.get("type"), error.get("message")
    type_ = word if isinstance(word, str) else None
    message = said if isinstance(said, str) and said else "the upstream broke off"
    return Failure(kind=_kind(0, type_, message), message=message, blame=Blame.UPSTREAM, type=type_)


def _error_object(body: bytes) -> Obj:
    """The error in the body, in Anthropic's envelope or a host's own (Vertex, a proxy); empty where there is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    return {"message": error} if isinstance(error, str) else error if isinstance(error, dict) else {}


def _kind(status: int, type_: str | None, message: str) -> Kind:
    by_status = _STATUS_KINDS.get(status, Kind.UPSTREAM)
    kind = _KINDS.get(type_ or "", by_status)
    lowered = message.lower()
    if kind is Kind.INVALID_REQUEST and any(words in lowered for words in _TOO_LONG):
        return Kind.CONTEXT_TOO_LONG
    if kind is Kind.INVALID_REQUEST and _NO_CREDIT in lowered:
        return Kind.INSUFFICIENT_BALANCE
    if kind is Kind.NOT_FOUND and lowered.startswith("model:"):
        return Kind.MODEL_NOT_FOUND
    if kind is Kind.UPSTREAM and by_status in {Kind.UNAVAILABLE, Kind.TIMED_OUT}:
        return by_status
    return kind


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; a date is left out, for lack of a clock."""
    lowered = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(lowered[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def encode_error(failure: Failure, request_id: str) -> ErrorAnswer:
    headers = [("content-type", "application/json"), ("request-id", request_id)]
    if failure.retry_after_s is not None:
        headers.append(("retry-after", str(math.ceil(failure.retry_after_s))))
    return ErrorAnswer(status=failure.http_status, body=dump(error_body(failure, request_id)), headers=tuple(headers))


def encode_stream_error(failure: Failure, request_id: str) -> bytes:
    return encode_event(dump(error_body(failure, request_id)), "error")


def error_body(failure: Failure, request_id: str | None) -> Obj:
    error: Obj = {"type": failure.type if failure.type in _KINDS else _TYPES[failure.kind], "message": failure.message}
    if failure.code:
        error["code"] = failure.code
    body: Obj = {"type": "error", "error": error}
    return {**body, "request_id": request_id} if request_id else body
