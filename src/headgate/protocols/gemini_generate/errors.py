"""Google's error form: `{"error": {"code", "message", "status", "details": [...]}}`.

In a stream an error is the last object of the row (google-genai 3.4 raises on one whose first field is `error`).
"""

import re
from collections.abc import Mapping

import msgspec

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import Blame, Failure, Kind
from headgate.canonical.parts import Json

_TYPE = "type.googleapis.com/google.rpc."
_DOMAIN = "headgate"

# google.rpc.Code by HTTP status, as google/rpc/code.proto maps them.
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_KINDS = {
    400: Kind.INVALID_REQUEST,
    401: Kind.AUTHENTICATION,
    402: Kind.INSUFFICIENT_BALANCE,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD_NOT_ALLOWED,
    408: Kind.REQUEST_TIMEOUT,
    413: Kind.TOO_LARGE,
    415: Kind.UNSUPPORTED_MEDIA,
    429: Kind.RATE_LIMITED,
    499: Kind.TIMED_OUT,
    501: Kind.NOT_IMPLEMENTED,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
    529: Kind.OVERLOADED,
}
_CALLERS = frozenset(
    {
        Kind.INVALID_REQUEST,
        Kind.CONTEXT_TOO_LONG,
        Kind.CONTENT_POLICY,
        Kind.NOT_FOUND,
        Kind.MODEL_NOT_FOUND,
        Kind.METHOD_NOT_ALLOWED,
        Kind.TOO_LARGE,
        Kind.UNSUPPORTED_MEDIA,
        Kind.NOT_IMPLEMENTED,
    }
)
_TOO_LONG = re.compile(
    r"input (token count|context)|exceeds the maximum number of tokens|context (length|window)", re.I
)
_MODEL = re.compile(r"\bmodels?/|publisher model|\bmodel\b.*not (found|supported)", re.I)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer, in its own words. The row form (`[{"error": ...}]`) is read as well."""
    try:
        found: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    failure = _failure(found, status)
    after = _header_seconds(headers)
    return msgspec.structs.replace(failure, retry_after_s=after) if after is not None else failure


def stream_failure(answer: Json) -> Failure:
    """The error that an object of a stream holds."""
    return _failure(answer, 500)


def _failure(found: Json, status: int) -> Failure:
    if isinstance(found, list):
        found = found[0] if found else None
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        error = {"message": error} if isinstance(error, str) else {}
    code = error.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        status = code
    message = error.get("message")
    written = message if isinstance(message, str) and message else f"The upstream answered with status {status}."
    words = error.get("status")
    details = error.get("details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    kind = _kind(status, written, words, rows)
    if kind is Kind.AUTHENTICATION:
        status = 401  # Google says 400 to a wrong key; every SDK's exception classes go by 401
    return Failure(
        kind=kind,
        message=written,
        blame=Blame.CALLER if kind in _CALLERS else Blame.UPSTREAM,
        status=status,
        code=words if isinstance(words, str) else None,
        retry_after_s=_detail_seconds(rows),
    )


def _kind(status: int, message: str, words: Json, details: list[dict[str, Json]]) -> Kind:
    if (
        any(row.get("reason") in {"API_KEY_INVALID", "API_KEY_EXPIRED"} for row in details)
        or words == "UNAUTHENTICATED"
    ):
        return Kind.AUTHENTICATION
    if status == 400 and "API key" in message and ("not valid" in message or "expired" in message):
        return Kind.AUTHENTICATION
    if status == 400 and "User location is not supported" in message:
        return Kind.PERMISSION  # the channel's place, not the caller's mistake
    if status == 400 and _TOO_LONG.search(message):
        return Kind.CONTEXT_TOO_LONG
    if status == 404 and _MODEL.search(message):
        return Kind.MODEL_NOT_FOUND
    if status == 503 and "overloaded" in message.lower():
        return Kind.OVERLOADED
    return _KINDS.get(status, Kind.INVALID_REQUEST if 400 <= status < 500 else Kind.UPSTREAM)


def _detail_seconds(details: list[dict[str, Json]]) -> float | None:
    for row in details:
        delay = row.get("retryDelay")
        match = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
        if match:
            return float(match[1])
    return None


def _header_seconds(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value.strip()):
            return float(value)
    return None


def error_object(failure: Failure, request_id: str) -> dict[str, Json]:
    """The error as JSON. The code is never 529, which Google does not know."""
    code = _code(failure)
    reason = failure.code or str(failure.kind)
    details: list[Json] = [{"@type": f"{_TYPE}ErrorInfo", "reason": reason.upper(), "domain": _DOMAIN}]
    if failure.param:
        violations: list[Json] = [{"field": failure.param, "description": failure.message}]
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": violations})
    if failure.retry_after_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{failure.retry_after_s:g}s"})
    message = failure.message
    if request_id:
        details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id})
        message = f"{message} (request id: {request_id})"
    return {"error": {"code": code, "message": message, "status": _word(code), "details": details}}


def _code(failure: Failure) -> int:
    return 503 if failure.http_status == 529 else failure.http_status


def _word(code: int) -> str:
    return _STATUS.get(code, "INVALID_ARGUMENT" if code < 500 else "INTERNAL")


def encode_error(failure: Failure, request_id: str) -> ErrorAnswer:
    """An error answer; `retry-after` in whole seconds, rounded up."""
    headers = [("x-request-id", request_id)] if request_id else []
    if failure.retry_after_s is not None:
        headers.append(("retry-after", str(-int(-failure.retry_after_s // 1))))
    body = msgspec.json.encode(error_object(failure, request_id))
    return ErrorAnswer(status=_code(failure), body=body, headers=tuple(headers))


def encode_array_error(failure: Failure, request_id: str) -> ErrorAnswer:
    """The same for a caller of `streamGenerateContent` without `alt=sse`: a row of one."""
    answer = encode_error(failure, request_id)
    return msgspec.structs.replace(answer, body=b"[" + answer.body + b"\n]")


def encode_stream_error(failure: Failure, request_id: str) -> bytes:
    """The last frame of a stream that broke."""
    return b"data: " + msgspec.json.encode(error_object(failure, request_id)) + b"\r\n\r\n"
