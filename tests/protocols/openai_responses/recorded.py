"""The recorded exchanges of the Responses API, and what several tests need to read them with."""

import json
from collections.abc import Iterator
from typing import Any

from fakes.wire import Exchange, exchanges

Json = dict[str, Any]
PROVIDERS = (
    "openai",
    "azure",
    "xai",
    "openrouter",
    "deepseek",
    "copilot",
    "chatgpt",
    "bedrock",
    "mistralrs",
    "llamacpp",
)
# A chat completion that was filed among responses.
_MISFILED = "openai/responses/stream-tool-call--gpt-4-0613-a06206ba.json"


def every() -> list[Exchange]:
    found = [one for provider in PROVIDERS for one in exchanges(provider=provider, endpoint="responses")]
    return [one for one in found if one.entry.file != _MISFILED]


def creations() -> list[Exchange]:
    """Exchanges whose request creates a response and says with which model."""
    return [
        one
        for one in every()
        if one.request.method == "POST"
        and one.request.url.split("?")[0].endswith("/responses")
        and "model" in (json.loads(one.request.content) if one.request.content else {})
    ]


def answers() -> list[tuple[Exchange, Json]]:
    """Exchanges with a whole, finished answer, and the answer."""
    found = []
    for one in every():
        body = one.response.content.lstrip()
        if one.response.status == 200 and body.startswith(b"{"):
            answer = json.loads(body)
            finished = answer.get("status") in ("completed", "incomplete", "complete")
            if answer.get("object") == "response" and finished:
                found.append((one, answer))
    return found


def streams() -> list[Exchange]:
    return [one for one in every() if one.response.status == 200 and b"data:" in one.response.content[:200]]


def events(stream: bytes) -> Iterator[Json]:
    """The events of a stream, read as plainly as can be."""
    for line in stream.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"data:") and b"[DONE]" not in line:
            yield json.loads(line[5:])
