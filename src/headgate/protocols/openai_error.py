"""OpenAI's words for errors, which its Chat and its Responses protocol share: both directions, pure.

The envelope is `{"error": {"message", "type", "param", "code"}}`. Others who speak the protocols vary it; the forms
read here are those of recorded answers: xAI (`{"code": ..., "error": "text"}`), ChatGPT and FastAPI servers
(`{"detail": ...}`), vLLM (`{"object": "error", "message": ...}`), Gemini's compatible surface (a list around the
envelope), OpenRouter (a number as `code`).
"""

from collections.abc import Mapping

import msgspec

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import Blame, Failure, Kind
from headgate.canonical.parts import Json

_TYPES: dict[Kind, str] = {
    Kind.AUTHENTICATION: "authentication_error",
    Kind.PERMISSION: "permission_error",
    Kind.INSUFFICIENT_BALANCE: "insufficient_quota",
    Kind.KEY_BUDGET_SPENT: "insufficient_quota",
    Kind.RATE_LIMITED: "rate_limit_error",
    Kind.INTERNAL: "server_error",
    Kind.NOT_IMPLEMENTED: "server_error",
    Kind.UPSTREAM: "server_error",
    Kind.EMPTY: "server_error",
    Kind.UNAVAILABLE: "server_error",
    Kind.OVERLOADED: "server_error",
    Kind.TIMED_OUT: "server_error",
}
_CODES: dict[Kind, str] = {
    Kind.AUTHENTICATION: "invalid_api_key",
    Kind.CONTENT_POLICY: "content_policy_violation",
    Kind.RATE_LIMITED: "rate_limit_exceeded",
}
_BY_STATUS: dict[int, Kind] = {
    401: Kind.AUTHENTICATION,
    402: Kind.INSUFFICIENT_BALANCE,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD_NOT_ALLOWED,
    408: Kind.REQUEST_TIMEOUT,
    413: Kind.TOO_LARGE,
    415: Kind.UNSUPPORTED_MEDIA,
    429: Kind.RATE_LIMITED,
    502: Kind.UPSTREAM,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
    529: Kind.OVERLOADED,
}
_BY_CODE: dict[str, Kind] = {
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "content_policy_violation": Kind.CONTENT_POLICY,
    "content_filter": Kind.CONTENT_POLICY,
    "moderation_blocked": Kind.CONTENT_POLICY,
    "image_content_policy_violation": Kind.CONTENT_POLICY,
    "model_not_found": Kind.MODEL_NOT_FOUND,
    "insufficient_quota": Kind.RATE_LIMITED,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "invalid_api_key": Kind.AUTHENTICATION,
    "server_is_overloaded": Kind.OVERLOADED,
    "slow_down": Kind.OVERLOADED,
    "invalid_prompt": Kind.INVALID_REQUEST,
    "invalid_request_error": Kind.INVALID_REQUEST,
    "server_error": Kind.UPSTREAM,
}
# What the operator's account or the vendor's machines are to blame for; the rest is about the caller's request.
_UPSTREAM_KINDS = frozenset(
    {
        Kind.AUTHENTICATION,
        Kind.PERMISSION,
        Kind.INSUFFICIENT_BALANCE,
        Kind.RATE_LIMITED,
        Kind.REQUEST_TIMEOUT,
        Kind.UPSTREAM,
        Kind.UNAVAILABLE,
        Kind.OVERLOADED,
        Kind.TIMED_OUT,
    }
)
_LONGEST_PLAIN_TEXT = 500


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer in its own words. `headers` have lower-case names."""
    error = _find(_parse(body))
    message = _text(error.get("message")) or _plain(body) or f"the upstream answered with status {status}"
    code = _text(error.get("code"))
    kind = _kind(status, code, _text(error.get("type")))
    return Failure(
        kind=kind,
        message=message,
        blame=_blame(kind),
        status=status if 400 <= status < 600 else 0,
        code=code or (None if error else "bad_response_status_code"),
        type=_text(error.get("type")),
        param=_text(error.get("param")),
        retry_after_s=_retry_after(headers),
    )


def decode_error_object(error: Mapping[str, Json]) -> Failure:
    """An error that came inside an answer of status 200: a `message` with perhaps a `code`, `type` and `param`."""
    code, type_ = _text(error.get("code")), _text(error.get("type"))
    number = error.get("code")
    kind = _kind(number if isinstance(number, int) else 0, code, type_)
    return Failure(
        kind=kind,
        message=_text(error.get("message")) or "the upstream reported an error without a message",
        blame=_blame(kind),
        code=code,
        type=type_,
        param=_text(error.get("param")),
    )


def error_object(failure: Failure, request_id: str) -> dict[str, Json]:
    """The value of `error`. The request id is said in the message, where users paste it from."""
    message = failure.message
    if request_id and request_id not in message:
        message = f"{message} (request id: {request_id})"
    return {
        "message": message,
        "type": failure.type or _TYPES.get(failure.kind, "invalid_request_error"),
        "param": failure.param,
        "code": failure.code or _CODES.get(failure.kind, failure.kind.value),
    }


def encode_error(failure: Failure, request_id: str) -> ErrorAnswer:
    """A failure as an error answer, with the headers the SDKs read."""
    headers: list[tuple[str, str]] = [("content-type", "application/json")]
    if failure.retry_after_s is not None:
        headers.append(("retry-after", str(max(0, round(failure.retry_after_s)))))
    status = 503 if failure.http_status == 529 else failure.http_status
    body = msgspec.json.encode({"error": error_object(failure, request_id)})
    return ErrorAnswer(status=status, body=body, headers=tuple(headers))


def _parse(body: bytes) -> Json:
    try:
        value: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value


def _find(value: Json) -> Mapping[str, Json]:
    """The object that has the message, wherever a vendor put it; empty where there is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return {}
    error = value.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {**value, "message": error}
    detail = value.get("detail")
    if isinstance(detail, str):
        return {"message": detail}
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return {"message": detail[0].get("msg")}
    if isinstance(detail, dict):
        return detail
    return value if isinstance(value.get("message"), str) else {}


def _text(value: Json) -> str | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else None


def _plain(body: bytes) -> str | None:
    """A short answer that is no markup, as its own message."""
    text = body.decode("utf-8", "replace").strip()
    if not text or len(text) > _LONGEST_PLAIN_TEXT or text[0] in "<{[":
        return None
    return text


def _kind(status: int, code: str | None, type_: str | None) -> Kind:
    kind = _BY_CODE.get(code or "") or _BY_CODE.get(type_ or "")
    by_status = _BY_STATUS.get(status)
    if kind is not None and (by_status is None or kind is not Kind.INVALID_REQUEST):
        return Kind.MODEL_NOT_FOUND if status == 404 and code == "model_not_found" else kind
    if by_status is not None:
        return by_status
    return Kind.INVALID_REQUEST if 400 <= status < 500 else Kind.UPSTREAM


def _blame(kind: Kind) -> Blame:
    return Blame.UPSTREAM if kind in _UPSTREAM_KINDS else Blame.CALLER


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds. An HTTP date is not read: that would need a clock."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
