"""Errors and headers as OpenAI sends them, for both of its protocols."""

import re

import orjson

from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Call, Refused, Reply, Request

_TYPES = {
    401: "invalid_request_error",
    403: "insufficient_permissions",
    429: "requests",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
    529: "server_error",
}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_TOOL_NAME = 64
_CODES: dict[str, str | None] = {
    "auth": "invalid_api_key",
    "no key": None,
    "quota": "insufficient_quota",
    "context": "context_length_exceeded",
    "filter": "content_policy_violation",
    "model": "model_not_found",
    "missing": "missing_required_parameter",
    "long": "string_above_max_length",
    "value": "invalid_value",
    "type": "invalid_type",
    "image": "invalid_image_url",
    "sealed": "invalid_encrypted_content",
    "previous": "previous_response_not_found",
}


def error(refused: Refused) -> Json:
    """The object under `error`."""
    kind = _TYPES.get(refused.status, "invalid_request_error")
    if refused.code == "quota":
        kind = "insufficient_quota"
    code = _CODES.get(refused.code)
    if code is None and refused.status == 429:
        code = "rate_limit_exceeded"
    return {"message": refused.message, "type": kind, "param": refused.parameter or None, "code": code}


def refuse(refused: Refused, _: Request) -> Reply:
    """The refusal as an answer."""
    headers: tuple[tuple[str, str], ...] = (("x-request-id", "req_sandbox"),)
    if refused.retry_s is not None:
        headers += (("retry-after", str(refused.retry_s)), ("retry-after-ms", str(refused.retry_s * 1000)))
    return Reply(status=refused.status, body=orjson.dumps({"error": error(refused)}), headers=headers)


def interrupt(refused: Refused, _: Call) -> bytes:
    """The refusal as an event inside a chat stream."""
    return b"data: " + orjson.dumps({"error": error(refused)}) + b"\n\n"


def check_tool_name(name: str, where: str) -> None:
    """Raise Refused where a tool has a name that OpenAI does not take."""
    if not _TOOL_NAME.fullmatch(name):
        text = f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
        raise Refused(400, f"{text}'^[a-zA-Z0-9_-]+$'.", "value", where)
    check_length(name, _LONGEST_TOOL_NAME, where)


def check_length(text: str, longest: int, where: str) -> None:
    """Raise Refused where a string is longer than OpenAI takes it.

    Seen in https://github.com/vercel/ai/issues/5171 (chat, 40) and https://github.com/AnswerDotAI/fastllm/issues/45
    (Responses, 64).
    """
    if len(text) > longest:
        message = (
            f"Invalid '{where}': string too long. Expected a string with maximum length {longest}, but got a string "
            f"with length {len(text)} instead."
        )
        raise Refused(400, message, "long", where)


def reply_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """What goes with every answer."""
    return (
        ("x-request-id", call.new_id("req_")),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "1"),
        ("x-ratelimit-limit-requests", "30000"),
        ("x-ratelimit-limit-tokens", "150000000"),
        ("x-ratelimit-remaining-requests", "29999"),
        ("x-ratelimit-remaining-tokens", "149999990"),
        ("x-ratelimit-reset-requests", "2ms"),
        ("x-ratelimit-reset-tokens", "0s"),
    )
