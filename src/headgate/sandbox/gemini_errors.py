"""Errors and headers as Google's Gemini API sends them."""

import orjson

from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Call, Refused, Reply, Request

GEMINI_JSON = "application/json; charset=UTF-8"
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPE = "type.googleapis.com/google.rpc."
HEADERS = (
    ("vary", "Origin, X-Origin, Referer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-xss-protection", "0"),
)


def refuse(refused: Refused, request: Request) -> Reply:
    """The refusal as an answer; an array of one where the client asked for a stream without server-sent events."""
    error = _error(refused)
    in_array = request.path.endswith(":streamGenerateContent") and "alt=sse" not in request.query
    body = orjson.dumps([error] if in_array else error, option=orjson.OPT_INDENT_2)
    return Reply(status=error["error"]["code"], body=body, content_type=GEMINI_JSON, headers=HEADERS)


def interrupt(refused: Refused, call: Call) -> bytes:
    """The refusal as an event inside a stream."""
    error = orjson.dumps(_error(refused))
    return b"data: " + error + b"\r\n\r\n" if "alt=sse" in call.request.query else b",\r\n" + error + b"\n]\n"


def _error(refused: Refused) -> Json:
    status, message, details = refused.status, refused.message, list[Json]()
    if refused.code == "auth":
        status, message = 400, "API key not valid. Please pass a valid API key."
        info = {"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        details.append(info | {"metadata": {"service": "generativelanguage.googleapis.com"}})
    if refused.code == "no key":
        status, message = 403, "Method doesn't allow unregistered callers. Please use API Key to call this API."
    if refused.code == "quota":
        quota = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [quota]})
    if refused.retry_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{refused.retry_s}s"})
    name = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    error: Json = {"code": status, "message": message, "status": name}
    return {"error": error | ({"details": details} if details else {})}
