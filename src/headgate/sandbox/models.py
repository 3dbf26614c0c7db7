"""The sandbox's list of models."""

import orjson

from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Refused, Reply, Request

NAMES = ("sandbox", "sandbox-mini", "sandbox-thinking", "sandbox-search")
_CREATED_S = 1_767_225_600


def answer(request: Request) -> Reply:
    """The list, or one model of it. Raises Refused for any other page."""
    path = request.path.removeprefix("/v1")
    if path == "/models":
        return Reply(body=orjson.dumps({"object": "list", "data": [_openai(name) for name in NAMES]}))
    name = path.removeprefix("/models/")
    if not path.startswith("/models/"):
        raise Refused(404, f"Invalid URL ({request.method} {request.path})")
    if name not in NAMES:
        raise Refused(404, f"The model '{name}' does not exist", "model", "model")
    return Reply(body=orjson.dumps(_openai(name)))


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": _CREATED_S, "owned_by": "headgate-sandbox"}
