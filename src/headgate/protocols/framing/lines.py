"""Newline-delimited JSON: one value a line, as Ollama's own API and Cohere v1 stream it."""

from headgate.protocols.framing.frame import DEFAULT_LIMIT, Frame, too_large


class LineFramer:
    """Bytes to lines. `limit` is the longest line in bytes; a longer one raises `Refused`."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes in any cut; return the lines they complete."""
        pending = self._pending
        if b"\n" not in data:
            pending += data
            self._check(len(pending))
            return []
        if pending:
            pending += data
            data = bytes(pending)
            pending.clear()
        *whole, rest = data.split(b"\n")
        pending += rest
        self._check(len(rest))
        return [Frame(line + b"\n", line.strip()) for line in whole]

    def close(self) -> list[Frame]:
        """No more will come. At most one frame: a last line without its end."""
        if not self._pending:
            return []
        rest = bytes(self._pending)
        self._pending.clear()
        return [Frame(rest, rest.strip())]

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise too_large(self._limit)


def encode_line(data: bytes) -> bytes:
    """One JSON value (without line ends) as a line."""
    return data + b"\n"
