"""The shapes of answers: which fields each kind of answer and event has, recorded and ours."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from fakes.wire import exchanges

_OPAQUE = frozenset(["input", "args", "arguments", "parameters", "schema", "metadata", "tools", "format"])


def payloads(body: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a body: its server-sent events, the items of an array, or itself."""
    if body.lstrip().startswith(("{", "[")):
        whole = json.loads(body)
        yield from whole if isinstance(whole, list) else [whole]
        return
    for line in body.splitlines():
        if line.startswith("data:") and line.strip() != "data: [DONE]":
            try:
                yield json.loads(line[5:])
            except json.JSONDecodeError:
                continue  # the client cut this recording off


class Shapes:
    """Per kind of payload: the fields that some have, and those that all have."""

    def __init__(self, kind: Callable[[dict[str, Any]], str]) -> None:
        self._kind = kind
        self.some: dict[str, set[str]] = {}
        self.all: dict[str, set[str]] = {}

    def add(self, body: str) -> None:
        """Take the payloads of one body in."""
        for payload in payloads(body):
            kind, fields = self._kind(payload), set(_paths(payload, ""))
            self.some.setdefault(kind, set()).update(fields)
            self.all.setdefault(kind, fields.copy()).intersection_update(fields)

    def lacks(self, ours: "Shapes") -> list[str]:
        """What our payloads have that none of these has, and lack that all of these have."""
        found: list[str] = []
        for kind, fields in ours.some.items():
            if kind not in self.some:
                found.append(f"{kind} was never recorded")
                continue
            found += [f"{kind}: {field} was never recorded" for field in sorted(fields - self.some[kind])]
            found += [f"{kind}: {field} is missing" for field in sorted(self.all[kind] - ours.all[kind])]
        return found


def recorded(provider: str, endpoint: str, kind: Callable[[dict[str, Any]], str]) -> Shapes:
    """The shapes of all successful recordings of one endpoint; skips the test where there are none."""
    shapes = Shapes(kind)
    for exchange in exchanges(provider=provider, endpoint=endpoint):
        if exchange.response.status == 200 and exchange.response.body:
            shapes.add(exchange.response.body)
    return shapes


async def answered(url: str, kind: Callable[[dict[str, Any]], str], bodies: list[dict[str, Any]]) -> Shapes:
    """The shapes of the sandbox's answers to these bodies."""
    shapes = Shapes(kind)
    async with httpx.AsyncClient(headers={"authorization": "Bearer k", "anthropic-version": "2023-06-01"}) as client:
        for body in bodies:
            response = await client.post(url, json=body)
            assert response.status_code == 200, response.text
            shapes.add(response.text)
    return shapes


def _paths(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{name}.{key}"
            if key not in _OPAQUE:
                yield from _paths(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for inner in value:
            kind = inner.get("type", "") if isinstance(inner, dict) else ""
            yield from _paths(inner, f"{name}[{kind}]")
