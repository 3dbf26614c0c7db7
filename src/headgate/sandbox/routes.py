"""Which path is which protocol. Paths are known by their endings, so that any prefix of a base URL works."""

import re
from dataclasses import dataclass

from headgate.sandbox import anthropic_messages, gemini_generate, openai_chat, openai_responses
from headgate.sandbox.reply import Request, Speaker

_GEMINI = re.compile(r"/models/(?P<model>.+):(?P<action>[A-Za-z]+)$")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path means: who speaks, what is asked, and the model where the path names it.

    `kind` is "call", "models", "stored" (an earlier response) or "unknown".
    """

    speaker: Speaker
    kind: str
    action: str = ""
    model: str = ""


def find(request: Request) -> Route:
    """The route of a request."""
    path = request.path.rstrip("/")
    if request.method == "POST":
        return _post(request, path)
    speaker = _speaker(request, path)
    if request.method == "GET" and (path.endswith("/models") or "/models/" in path):
        return Route(speaker, "models")
    if "/responses/" in path:
        return Route(openai_responses.SPEAKER, "stored")
    return Route(speaker, "unknown")


def _post(request: Request, path: str) -> Route:
    if path.endswith("/chat/completions"):
        return Route(openai_chat.SPEAKER, "call")
    if path.endswith("/messages"):
        return Route(anthropic_messages.SPEAKER, "call")
    if path.endswith("/messages/count_tokens"):
        return Route(anthropic_messages.SPEAKER, "call", "count_tokens")
    if path.endswith("/responses"):
        return Route(openai_responses.SPEAKER, "call")
    if path.endswith("/responses/input_tokens"):
        return Route(openai_responses.SPEAKER, "call", "input_tokens")
    if "/responses/" in path:
        return Route(openai_responses.SPEAKER, "stored")
    if found := _GEMINI.search(path):
        action = found["action"]
        kind = "call" if action in gemini_generate.ACTIONS else "unknown"
        return Route(gemini_generate.SPEAKER, kind, action, found["model"])
    return Route(_speaker(request, path), "unknown")


def _speaker(request: Request, path: str) -> Speaker:
    """Whose form a page without a protocol of its own takes: told by the headers that the vendors' clients send."""
    if "anthropic-version" in request.headers:
        return anthropic_messages.SPEAKER
    if "/v1beta" in path and "/openai/" not in path:
        return gemini_generate.SPEAKER
    return gemini_generate.SPEAKER if "x-goog-api-key" in request.headers else openai_chat.SPEAKER
