"""Errors and headers as Anthropic sends them."""

import orjson

from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Call, Refused, Reply, Request

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
    "credits."
)


def _error(refused: Refused) -> Json:
    kind = _TYPES.get(refused.status, "api_error" if refused.status >= 500 else "invalid_request_error")
    message = "invalid x-api-key" if refused.code in {"auth", "no key"} else refused.message
    if refused.code == "quota":
        kind, message = "invalid_request_error", _NO_CREDIT
    if refused.code == "context":
        message = "prompt is too long: 208310 tokens > 200000 maximum"
    return {"type": "error", "error": {"type": kind, "message": message}}


def refuse(refused: Refused, _: Request) -> Reply:
    """The refusal as an answer. An empty account is a 400 here, unlike at OpenAI."""
    headers: tuple[tuple[str, str], ...] = (("request-id", "req_sandbox"),)
    if refused.retry_s is not None:
        headers += (("retry-after", str(refused.retry_s)), ("x-should-retry", "true"))
    status = 400 if refused.code == "quota" else refused.status
    return Reply(status=status, body=orjson.dumps(_error(refused) | {"request_id": "req_sandbox"}), headers=headers)


def interrupt(refused: Refused, _: Call) -> bytes:
    """The refusal as an event inside a stream."""
    payload = _error(refused)
    payload["error"]["details"] = None
    return b"event: error\ndata: " + orjson.dumps(payload) + b"\n\n"


def reply_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """What goes with every answer."""
    reset = "2030-01-01T00:00:00Z"
    limits = (("requests", 4000), ("tokens", 4_800_000), ("input-tokens", 4_000_000), ("output-tokens", 800_000))
    headers: list[tuple[str, str]] = [("request-id", call.new_id("req_"))]
    for name, limit in limits:
        headers += [
            (f"anthropic-ratelimit-{name}-limit", str(limit)),
            (f"anthropic-ratelimit-{name}-remaining", str(limit - 1)),
            (f"anthropic-ratelimit-{name}-reset", reset),
        ]
    return tuple(headers)
