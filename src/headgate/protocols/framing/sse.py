"""Server-sent events (WHATWG HTML, 9.2). Lines end in LF, CRLF or CR, mixed at will; a blank line ends an event.

A frame's end must not depend on how the stream was cut. A CR at the very end of what has come may be half of a CRLF,
so it ends nothing yet, except where the line before it ended in a lone CR: a stream of lone CRs is not kept waiting.
"""

import re

from headgate.protocols.framing.frame import DEFAULT_LIMIT, Frame, too_large

_LF = 0x0A
_CR = 0x0D
_BOM = b"\xef\xbb\xbf"
_END = re.compile(rb"\r\n\r\n|\r\n\n|\r\n\r(?=[^\n])|\n\n|\n\r\n|\n\r(?=[^\n])|\r\r")
_LINE = re.compile(rb"\r\n|\n|\r")
_OVERLAP = 3  # an end may have begun this many bytes before what came last


class SseFramer:
    """Bytes to events. `limit` is the largest event in bytes; a larger one raises `Refused`."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes in any cut; return the frames they complete."""
        pending = self._pending
        if not pending:
            return self._split(data)
        scanned = max(0, len(pending) - _OVERLAP)
        pending += data
        end = _end(pending, 0, scanned)
        if end < 0:
            self._check(len(pending))
            return []
        first = bytes(pending[:end])
        rest = bytes(pending[end:])
        pending.clear()
        return [_parse(first), *self._split(rest)]

    def close(self) -> list[Frame]:
        """No more will come. At most one frame: what was left without its blank line, perhaps half of an event."""
        if not self._pending:
            return []
        rest = bytes(self._pending)
        self._pending.clear()
        return [_parse(rest)]

    def _split(self, data: bytes) -> list[Frame]:
        """Frames of bytes that begin at a frame's beginning; the rest is kept."""
        frames: list[Frame] = []
        start, size = 0, len(data)
        plain = b"\r" not in data
        while start < size:
            frame = _plain(data, start) if plain else None
            if frame is not None:
                frames.append(frame)
                start += len(frame.raw)
                continue
            end = _end(data, start, start)
            if end < 0:
                break
            frames.append(_parse(data[start:end]))
            start = end
        if start < size:
            self._pending += data[start:] if start else data
            self._check(size - start)
        return frames

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise too_large(self._limit)


def _plain(data: bytes, start: int) -> Frame | None:
    """The frame at `start` if it is whole and of the two usual forms, which this reads cheaply: `data: {...}`, and the
    same after `event: name`. For data without CR."""
    if data.startswith(b"data: ", start):
        end = data.find(b"\n", start)
        if data.startswith(b"\n\n", end):
            return Frame(data[start : end + 2], data[start + 6 : end])
    elif data.startswith(b"event: ", start):
        name_end = data.find(b"\n", start)
        if data.startswith(b"\ndata: ", name_end):
            end = data.find(b"\n", name_end + 7)
            if data.startswith(b"\n\n", end):
                name = data[start + 7 : name_end].decode("utf-8", "replace")
                return Frame(data[start : end + 2], data[name_end + 7 : end], name)
    return None


def _end(data: bytes | bytearray, start: int, scanned: int) -> int:
    """Where the frame that begins at `start` ends, or -1. Nothing before `scanned` can be its end."""
    first = data[start]
    if first == _LF:
        return start + 1
    if first == _CR:
        if start + 1 == len(data):
            return -1
        return start + 2 if data[start + 1] == _LF else start + 1
    match = _END.search(data, scanned)
    return match.end() if match else -1


def _parse(raw: bytes) -> Frame:
    event: str | None = None
    data: list[bytes] = []
    for line in _LINE.split(raw.removeprefix(_BOM)):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
    return Frame(raw, b"\n".join(data), event)


def encode_event(data: bytes, event: str | None = None) -> bytes:
    """One event. Line ends in `data` become lines of data; `event` names no line end."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    if b"\n" in data or b"\r" in data:
        return head + b"".join(b"data: " + line + b"\n" for line in _LINE.split(data)) + b"\n"
    return head + b"data: " + data + b"\n\n"


def encode_comment(text: str) -> bytes:
    """A comment of one line, which clients ignore: keeps a silent stream alive."""
    return b": " + text.encode() + b"\n\n"
