"""OpenAI's words for errors, which its Chat and its Responses protocol share, both ways:
`{"error": {"message", "type", "param", "code"}}`. Pure.

Others who speak the protocols vary the envelope; the forms read here are those of recorded answers: xAI
(`{"code": ..., "error": "text"}`), ChatGPT and FastAPI servers (`{"detail": ...}`), vLLM (the error as the body),
Gemini's compatible surface (a list around the envelope), OpenRouter (a number as `code`).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import DEFAULT_STATUS, Blame, Failure, Kind
from headgate.canonical.parts import Json

_read_object = msgspec.json.Decoder(dict[str, Any]).decode

# Type and code by kind. The SDK chooses its exception class by status alone; types are OpenAI's
# (platform.openai.com/docs/guides/error-codes), codes those that clients of this family of gateways look for.
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.INVALID_REQUEST: ("invalid_request_error", "invalid_request"),
    Kind.MODEL_PRICE: ("invalid_request_error", "model_price_error"),
    Kind.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    Kind.CONTENT_POLICY: ("invalid_request_error", "content_policy_violation"),
    Kind.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    Kind.PERMISSION: ("permission_error", "access_denied"),
    Kind.INSUFFICIENT_BALANCE: ("insufficient_quota", "insufficient_user_quota"),
    Kind.KEY_BUDGET_SPENT: ("insufficient_quota", "pre_consume_token_quota_failed"),
    Kind.NOT_FOUND: ("invalid_request_error", "not_found"),
    Kind.MODEL_NOT_FOUND: ("invalid_request_error", "model_not_found"),
    Kind.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    Kind.REQUEST_TIMEOUT: ("invalid_request_error", "request_timeout"),
    Kind.TOO_LARGE: ("invalid_request_error", "read_request_body_failed"),
    Kind.UNSUPPORTED_MEDIA: ("invalid_request_error", "unsupported_media_type"),
    Kind.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Kind.INTERNAL: ("server_error", "internal_error"),
    Kind.NOT_IMPLEMENTED: ("server_error", "api_not_implemented"),
    Kind.UPSTREAM: ("server_error", "bad_response"),
    Kind.EMPTY: ("server_error", "empty_response"),
    Kind.UNAVAILABLE: ("server_error", "service_unavailable"),
    Kind.OVERLOADED: ("server_error", "overloaded"),
    Kind.TIMED_OUT: ("server_error", "timed_out"),
}


def encode_error(failure: Failure, request_id: str) -> ErrorAnswer:
    """A failure as an error answer. 529, which OpenAI's clients do not know, is told as 503; `retry-after` is in whole
    seconds, rounded up."""
    status = 503 if failure.http_status == 529 else failure.http_status
    headers: tuple[tuple[str, str], ...] = ()
    if failure.retry_after_s is not None:
        headers = (("retry-after", str(math.ceil(failure.retry_after_s))),)
    return ErrorAnswer(
        status=status, body=msgspec.json.encode({"error": error_object(failure, request_id)}), headers=headers
    )


def error_object(failure: Failure, request_id: str) -> dict[str, Json]:
    """The value of `error`. The request id is said in the message, where users paste it from."""
    type_, code = _WORDS[failure.kind]
    message = f"{failure.message} (request id: {request_id})" if request_id else failure.message
    param = failure.param or ("model" if failure.kind is Kind.MODEL_NOT_FOUND else None)
    return {"message": message, "type": failure.type or type_, "param": param, "code": failure.code or code}


_KINDS: dict[int, Kind] = {
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
    500: Kind.INTERNAL,
    501: Kind.NOT_IMPLEMENTED,
    502: Kind.UPSTREAM,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
    529: Kind.OVERLOADED,
}

# What the request itself is guilty of, whatever the channel; every other fault is the upstream's or its operator's.
_CALLERS = {Kind.INVALID_REQUEST, Kind.CONTEXT_TOO_LONG, Kind.CONTENT_POLICY, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA}

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum (context|prompt)|prompt is too long|too many (input )?tokens",
    re.IGNORECASE,
)
_POLICY = {"content_policy_violation", "content_filter", "responsibleaipolicyviolation", "sensitive_words_detected"}
_NO_MONEY = {"insufficient_quota", "insufficient_balance", "billing_hard_limit_reached", "insufficient_user_quota"}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer (lower-case header names) to a failure in the upstream's own words."""
    error = _envelope(body)
    failure = failure_of(error, status)
    retry_after_s = _retry_after_s(headers)
    return failure if retry_after_s is None else replace(failure, retry_after_s=retry_after_s)


def failure_of(error: Mapping[str, Json], status: int = 0) -> Failure:
    """An error object to a failure. Without a status (inside a stream) the object's own numeric `code` is one
    (OpenRouter), else its words decide."""
    code, type_ = _word(error.get("code")), _word(error.get("type"))
    if not status:
        status = _status_in_stream(error, code, type_)
    message = _message(error) or f"The upstream answered with status {status}."
    kind = _kind(status, code, type_, message)
    return Failure(
        kind=kind,
        message=message,
        blame=Blame.CALLER if kind in _CALLERS else Blame.UPSTREAM,
        status=0 if DEFAULT_STATUS[kind] == status else status,
        code=None if code == str(status) else code,
        type=type_,
        param=_word(error.get("param")),
    )


def _kind(status: int, code: str | None, type_: str | None, message: str) -> Kind:
    words = {word.lower() for word in (code, type_) if word}
    if words & _NO_MONEY or (status == 429 and "insufficient balance" in message.lower()):
        return Kind.INSUFFICIENT_BALANCE
    if status in (400, 413, 422):
        if "context_length_exceeded" in words or _TOO_LONG.search(message):
            return Kind.CONTEXT_TOO_LONG
        if words & _POLICY:
            return Kind.CONTENT_POLICY
    # Error texts name the model and say that it is missing in many ways; "model" in the words of a 404 is enough.
    if status == 404 and ("model" in message.lower() or any("model" in word for word in words)):
        return Kind.MODEL_NOT_FOUND
    known = _KINDS.get(status)
    if known is not None:
        return known
    return Kind.INVALID_REQUEST if 400 <= status < 500 else Kind.UPSTREAM


def _status_in_stream(error: Mapping[str, Json], code: str | None, type_: str | None) -> int:
    for value in (error.get("status"), error.get("status_code"), error.get("code")):
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
        if isinstance(value, str) and value.isdecimal() and 400 <= int(value[:4]) < 600:
            return int(value)
    words = f"{code} {type_}".lower()
    if "rate_limit" in words:
        return 429
    if "overloaded" in words or "unavailable" in words:
        return 503
    return 400 if "invalid_request" in words or code == "tool_use_failed" else 502


def _envelope(body: bytes) -> Mapping[str, Json]:
    """The error object, wherever a vendor keeps it: under `error` (OpenAI), alone in a list (Gemini's compatible
    surface), or as the whole body (Mistral, `detail` of FastAPI servers)."""
    stripped = body.strip()
    if stripped.startswith(b"[") and stripped.endswith(b"]"):
        stripped = stripped[1:-1]
    try:
        whole = _read_object(stripped)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    error = whole.get("error")
    if isinstance(error, dict):
        return error
    return {**whole, "message": error} if isinstance(error, str) else whole


def _message(error: Mapping[str, Json]) -> str | None:
    """The words for people. A FastAPI server's `detail` may be a list of complaints; OpenRouter keeps its provider's
    own words in `metadata.raw`, which are not for callers' eyes."""
    for name in ("message", "msg", "detail", "error_description"):
        value = error.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict | list) and value:
            return msgspec.json.encode(value).decode()
    return None


def _word(value: object) -> str | None:
    if isinstance(value, str) and value:
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after`. A date is not understood: no clock here."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) / unit
    return None
