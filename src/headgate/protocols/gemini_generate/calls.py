"""Which answer belongs to which call.

Google's ids are optional, our calls need one each. A call without an id gets one by its place in the conversation, so
it is the same in every later turn; an answer without one belongs to the first call of its name still waiting.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from headgate.canonical.parts import Json

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class _Call(Struct, frozen=True):
    name: str
    id: str
    given: bool


class Calls:
    """Hands out ids in reading order. `prefix` makes them unique beyond this conversation or answer; `taken` are the
    ids that the wire itself gives."""

    def __init__(self, prefix: str = "", taken: Iterable[str] = ()) -> None:
        self._prefix = f"call_{_UNSAFE.sub('', prefix)[-40:]}_" if prefix else "call_"
        self._taken = set(taken)
        self._count = 0
        self._waiting: list[_Call] = []
        self._running: list[_Call] = []

    def made(self, name: str, own_id: str | None) -> str:
        """The id of a function call."""
        return self._begin(self._waiting, name, own_id)

    def answered(self, name: str, own_id: str | None) -> str:
        """The id of the call that a function's answer belongs to."""
        return _take(self._waiting, name, own_id) or own_id or self._next()

    def ran(self, name: str, own_id: str | None) -> str:
        """The id of a call of the upstream's own tools."""
        return self._begin(self._running, name, own_id)

    def returned(self, name: str, own_id: str | None) -> str:
        """The id of the call that such a tool's result belongs to."""
        return _take(self._running, name, own_id) or own_id or self._next()

    def _begin(self, waiting: list[_Call], name: str, own_id: str | None) -> str:
        call = _Call(name, own_id or self._next(), given=bool(own_id))
        waiting.append(call)
        return call.id

    def _next(self) -> str:
        while True:
            call_id = f"{self._prefix}{self._count}"
            self._count += 1
            if call_id not in self._taken:
                return call_id


def _take(waiting: list[_Call], name: str, own_id: str | None) -> str | None:
    """By id; else the first of that name (that has no id of its own, if the answer has one); an answer without id or
    known name belongs to whatever was called first."""
    found = next((call for call in waiting if call.id == own_id), None) if own_id else None
    if found is None:
        found = next((call for call in waiting if call.name == name and not (own_id and call.given)), None)
    if found is None and not own_id:
        found = waiting[0] if waiting else None
    if found is None:
        return None
    waiting.remove(found)
    return found.id


def ids_in(contents: Iterable[Json]) -> set[str]:
    """Every call id that contents (camelCase) give themselves."""
    found: set[str] = set()
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            for field in ("functionCall", "functionResponse"):
                holder = part.get(field) if isinstance(part, dict) else None
                own_id = holder.get("id") if isinstance(holder, dict) else None
                if isinstance(own_id, str):
                    found.add(own_id)
    return found
