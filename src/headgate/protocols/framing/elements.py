"""One JSON array that arrives piece by piece, as Gemini streams where `alt=sse` was not asked for.

Only brackets and strings are followed; whether an element is good JSON is its reader's question. The bytes between
elements (`[`, commas, spaces) belong to the `raw` of the element that follows, the closing bracket to the last frame.
"""

import re

from headgate.protocols.framing.frame import DEFAULT_LIMIT, Frame, too_large

_STRUCTURE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_BETWEEN = b" \t\r\n,["


class ArrayFramer:
    """Bytes to array elements that are objects or arrays. `limit` is the largest element in bytes."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._scanned = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes in any cut; return the elements they complete."""
        self._pending += data
        frames: list[Frame] = []
        while (end := self._element_end()) >= 0:
            raw = bytes(self._pending[:end])
            del self._pending[:end]
            self._scanned = 0
            frames.append(Frame(raw, raw.lstrip(_BETWEEN)))
        if len(self._pending) > self._limit:
            raise too_large(self._limit)
        return frames

    def close(self) -> list[Frame]:
        """No more will come. At most one frame: the closing bracket (without payload), or half an element."""
        if not self._pending:
            return []
        raw = bytes(self._pending)
        self._pending.clear()
        return [Frame(raw, raw.strip(_BETWEEN + b"]") if self._depth <= 1 else raw.lstrip(_BETWEEN))]

    def _element_end(self) -> int:
        """Follow brackets over what is new. The outermost bracket is depth 1; an element ends on the way back to it."""
        pending = self._pending
        while True:
            pattern = _IN_STRING if self._in_string else _STRUCTURE
            match = pattern.search(pending, self._scanned)
            if match is None:
                self._scanned = len(pending)
                return -1
            byte = match.group()
            if byte == b"\\":
                if match.end() == len(pending):
                    self._scanned = match.start()
                    return -1
                self._scanned = match.end() + 1
                continue
            self._scanned = match.end()
            if byte == b'"':
                self._in_string = not self._in_string
            elif byte in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 1:
                    return match.end()
