"""One request of each agent, as it was sent (long texts and most tools cut out): no upstream's protocol loses what
matters of it, and a strict upstream of each accepts it.

The recorded requests are the last of a task with a tool call each, so that history, calls and results are in them.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from headgate.canonical.parts import ProtocolName, Reasoning, Text, ToolCall, ToolResult
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import Request, Tool
from headgate.relay.codecs import CODECS
from headgate.sandbox import running_sandbox
from headgate.server import lanes
from pairs.sayings import arguments

GOLDEN = Path(__file__).parents[1] / "golden" / "agents"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
PROTOCOLS: dict[ProtocolName, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini_generate": "/v1beta/models/sandbox:generateContent",
}
QUIRKS = {"anthropic_messages": Quirks(max_output_tokens=64_000, system_messages=True)}
TOOLS_DROPPED: dict[tuple[str, ProtocolName], set[str]] = {
    ("codex", "gemini_generate"): {"tools.web_search"},
    ("codex-patch", "openai_chat"): {"tools.tool_search"},
    ("codex-patch", "anthropic_messages"): {"tools.tool_search"},
    ("codex-patch", "gemini_generate"): {"tools.tool_search", "tools.web_search"},
}
"""Vendors' own tools that the other side has not, or (Gemini's search) not beside functions."""


class Substance(Struct, frozen=True):
    """What may not be lost on the way to any upstream. Texts are in the order said, whoever says them: an upstream may
    have no system messages in mid-conversation. `tools` are names and the names of arguments."""

    said: tuple[str, ...]
    calls: tuple[tuple[str, str, str], ...]
    results: tuple[tuple[str, str], ...]
    tools: tuple[tuple[str, str], ...]


def substance(request: Request) -> Substance:
    """What a request asks, whichever protocol it came in."""
    parts = [part for message in request.messages for part in message.parts]
    return Substance(
        said=tuple(part.text for part in parts if isinstance(part, Text)),
        calls=tuple((p.id, p.name, arguments(p)) for p in parts if isinstance(p, ToolCall)),
        results=tuple((p.call_id, _text(p)) for p in parts if isinstance(p, ToolResult)),
        tools=tuple((tool.name, _schema(tool)) for tool in request.tools if isinstance(tool, Tool)),
    )


def _text(result: ToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, Text))


def _schema(tool: Tool) -> str:
    properties: Any = (tool.parameters or {}).get("properties", {})
    return "input" if tool.custom else ",".join(properties)


def recorded(name: str) -> Request:
    """A recorded request, found by its request line and decoded."""
    golden: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    method, _, address = golden["line"].partition(" ")
    path, _, query = address.partition("?")
    asked = lanes.find(method.encode(), path.encode(), query.encode())
    assert asked is not None
    assert asked.protocol == golden["protocol"]
    body = json.dumps(golden["body"]).encode()
    return CODECS[asked.protocol].decode_request(body, asked.model, asked.stream)


def encode(request: Request, target: ProtocolName) -> Encoded:
    return CODECS[target].encode_request(request, Target(model="sandbox", quirks=QUIRKS.get(target, Quirks())))


@pytest.mark.parametrize("target", PROTOCOLS)
@pytest.mark.parametrize("name", NAMES)
async def test_nothing_that_matters_is_lost(name: str, target: ProtocolName) -> None:
    """Texts, tools, calls and results stay, a tool that does not is named, and the sandbox takes what is sent."""
    request = recorded(name)
    encoded = encode(request, target)
    again = CODECS[target].decode_request(encoded.body, "sandbox", request.stream)
    assert substance(again) == substance(request)
    dropped = {name for name in encoded.dropped if name.startswith("tools.")}
    assert dropped == TOOLS_DROPPED.get((name, target), set())
    async with running_sandbox() as url, httpx.AsyncClient(base_url=url) as client:
        headers = {"authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2023-06-01"}
        answer = await client.post(PROTOCOLS[target], content=encoded.body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", ["codex", "codex-patch"])
def test_codex_carries_anothers_thoughts_home(name: str) -> None:
    """Anthropic's signed thinking comes back to it in Codex's reasoning items."""
    request = recorded(name)
    again = CODECS["anthropic_messages"].decode_request(encode(request, "anthropic_messages").body, None, False)
    thoughts = [[p for m in each.messages for p in m.parts if isinstance(p, Reasoning)] for each in (request, again)]
    assert thoughts[0]
    assert [(p.text, p.signature) for p in thoughts[0]] == [(p.text, p.signature) for p in thoughts[1]]
    assert all(p.signature is not None and p.signature.origin == "anthropic_messages" for p in thoughts[1])


@pytest.mark.parametrize("name", NAMES)
def test_every_agent_is_documented(name: str) -> None:
    """With the version it was tried in, which is the one that scripts/install-agents installs."""
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    root = GOLDEN.parents[2]
    assert f"### {golden['agent']} ({golden['version']})" in (root / "docs" / "clients.md").read_text()
    assert golden["version"] in (root / "scripts" / "install-agents").read_text()
