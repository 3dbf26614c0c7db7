"""Function calls that arrive in pieces (`streamFunctionCallArguments`, Vertex and Gemini 3).

Each piece names a place in the arguments by a JSON path and a value for it; a string may come in several pieces. The
last part of a call has no `willContinue`. Seen in wire vertex/stream-parallel-tools--gemini-3-pro-preview.
"""

import itertools
import re

from headgate.canonical.parts import Json

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue", "structValue", "listValue")
_MAX_INDEX = 100_000


class PartialArguments:
    """Builds the arguments. `value` is what has come so far."""

    def __init__(self) -> None:
        self.value: dict[str, Json] = {}
        self._open = ""

    def take(self, piece: Json) -> None:
        """One entry of `partialArgs`; entries that make no sense are passed over, the model's call stays readable."""
        if not isinstance(piece, dict):
            return
        path = piece.get("jsonPath")
        field = next((name for name in _VALUES if name in piece), None)
        if not isinstance(path, str) or field is None:
            return
        steps = _steps(path)
        if not steps:
            return
        value = None if field == "nullValue" else piece[field]
        more = self._open == path and field == "stringValue"
        self._open = path if piece.get("willContinue") is True else ""
        _set(self.value, steps, value, append=more)


def _steps(path: str) -> list[str | int]:
    out: list[str | int] = []
    for name, index, single, double in _STEP.findall(path):
        if index:
            if int(index[:8]) > _MAX_INDEX:
                return []
            out.append(int(index[:8]))
        else:
            out.append(name or single or double)
    return out


def _set(root: dict[str, Json], steps: list[str | int], value: Json, *, append: bool) -> None:
    holder: Json = root
    for step, after in itertools.pairwise(steps):
        fresh: Json = [] if isinstance(after, int) else {}
        holder = _child(holder, step, fresh)
    last = steps[-1]
    before = _get(holder, last)
    if append and isinstance(before, str) and isinstance(value, str):
        value = before + value
    _put(holder, last, value)


def _get(holder: Json, step: str | int) -> Json:
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return None


def _child(holder: Json, step: str | int, fresh: Json) -> Json:
    present = _get(holder, step)
    if isinstance(present, dict | list):
        return present
    _put(holder, step, fresh)
    return fresh


def _put(holder: Json, step: str | int, value: Json) -> None:
    if isinstance(holder, dict) and isinstance(step, str):
        holder[step] = value
    elif isinstance(holder, list) and isinstance(step, int):
        holder.extend([None] * (step + 1 - len(holder)))
        holder[step] = value
