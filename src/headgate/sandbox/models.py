"""The sandbox's list of models, in the form of whoever asks."""

from urllib.parse import parse_qs

import orjson

from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Refused, Reply, Request

NAMES = ("sandbox", "sandbox-mini", "sandbox-thinking", "sandbox-search")
_CREATED_S = 1_767_225_600
_CREATED = "2026-01-01T00:00:00Z"
_CONTEXT, _OUTPUT = 1_048_576, 65_536


def openai(request: Request) -> Reply:
    """OpenAI's list, or one model of it. Raises Refused."""
    name = request.path.partition("/models")[2].strip("/")
    if not name:
        return Reply(body=orjson.dumps({"object": "list", "data": [_openai(one) for one in NAMES]}))
    if name not in NAMES:
        raise Refused(404, f"The model '{name}' does not exist", "model", "model")
    return Reply(body=orjson.dumps(_openai(name)))


def anthropic(request: Request) -> Reply:
    """Anthropic's list, paged by `limit`, `after_id` and `before_id`, or one model of it. Raises Refused."""
    name = request.path.partition("/models")[2].strip("/")
    if name:
        if name not in NAMES:
            raise Refused(404, f"model: {name}", "model")
        return Reply(body=orjson.dumps(_anthropic(name)))
    asked = parse_qs(request.query)
    names = list(NAMES)
    if after := asked.get("after_id"):
        names = names[names.index(after[0]) + 1 :] if after[0] in names else []
    if before := asked.get("before_id"):
        names = names[: names.index(before[0])] if before[0] in names else []
    shown = names[: _number(asked.get("limit"), 20)]
    page = {"data": [_anthropic(one) for one in shown], "has_more": len(shown) < len(names)}
    page |= {"first_id": shown[0], "last_id": shown[-1]} if shown else {"first_id": None, "last_id": None}
    return Reply(body=orjson.dumps(page))


def gemini(request: Request) -> Reply:
    """Google's list, paged by `pageSize` and `pageToken`, or one model of it. Raises Refused."""
    name = request.path.partition("/models")[2].strip("/")
    if name:
        if name not in NAMES:
            raise Refused(404, f"models/{name} is not found for API version v1beta.", "model")
        return Reply(body=orjson.dumps(_gemini(name)))
    asked = parse_qs(request.query)
    start, size = _number(asked.get("pageToken"), 0), _number(asked.get("pageSize"), 50)
    page: Json = {"models": [_gemini(one) for one in NAMES[start : start + size]]}
    if start + size < len(NAMES):
        page["nextPageToken"] = str(start + size)
    return Reply(body=orjson.dumps(page))


def _number(given: list[str] | None, default: int) -> int:
    return int(given[0]) if given and given[0].isdigit() else default


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": _CREATED_S, "owned_by": "headgate-sandbox"}


def _anthropic(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": f"Headgate {name}",
        "created_at": _CREATED,
        "max_input_tokens": _CONTEXT,
        "max_tokens": _OUTPUT,
    }


def _gemini(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": f"Headgate {name}",
        "description": "The simulated model of Headgate's sandbox.",
        "inputTokenLimit": _CONTEXT,
        "outputTokenLimit": _OUTPUT,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": name == "sandbox-thinking",
    }
