"""The row form of `streamGenerateContent` without `alt=sse`: one JSON array, an answer an element, as they come.

Upstreams are always asked for server-sent events; a caller who wants the row gets their frames re-framed, errors in
mid-stream included. Google writes `[{...}`, then `,\\r\\n{...}` on a new line, and `]` on one of its own
(wire gemini/stream-jsonarray-basic--gemini-1-5-flash-123b86c9).
"""

from headgate.protocols.framing import ArrayFramer, Frame, Framer, SseFramer

_FIRST = b"["
_BETWEEN = b"\n,\r\n"
_LAST = b"\n]"


class ArrayReframer:
    """Server-sent events in, one JSON array out: feed it what would have gone to the caller (`Meter.feed`,
    `StreamEncoder.feed`, `encode_stream_error`), and close it once. Comments and empty frames are left out."""

    def __init__(self) -> None:
        self._framer = SseFramer()
        self._begun = False
        self._over = False

    def feed(self, data: bytes) -> bytes:
        """Whole elements of what the frames complete."""
        return b"".join(self._element(frame) for frame in self._framer.feed(data))

    def close(self) -> bytes:
        """The rest, and the closing bracket; an empty array where nothing came. Nothing on a second call."""
        if self._over:
            return b""
        rest = b"".join(self._element(frame) for frame in self._framer.close())
        self._over = True
        return rest + (_LAST if self._begun else b"[]")

    def _element(self, frame: Frame) -> bytes:
        if not frame.data or self._over:
            return b""
        before = _BETWEEN if self._begun else _FIRST
        self._begun = True
        return before + frame.data


class AnyFramer:
    """Frames of either form, told by the first byte that is no space."""

    def __init__(self) -> None:
        self._framer: Framer | None = None
        self._pending = b""

    def feed(self, data: bytes) -> list[Frame]:
        if self._framer is None:
            self._pending += data
            beginning = self._pending.lstrip()
            if not beginning:
                return []
            self._framer = ArrayFramer() if beginning.startswith(b"[") else SseFramer()
            data, self._pending = self._pending, b""
        return self._framer.feed(data)

    def close(self) -> list[Frame]:
        if self._framer is None:
            return [Frame(self._pending, b"")] if self._pending else []
        return self._framer.close()
