"""Bytes in any cut to frames, and frames to bytes. No I/O; knows no protocol above it.

    framer = SseFramer()
    for frame in framer.feed(received): ...   # whole frames only, in order
    for frame in framer.close(): ...          # what an upstream left unfinished

Every framer has the same two methods and yields `Frame`s: `raw` is exactly what was received (joined, they are the
stream, whatever the cut), `event` the SSE event name, `data` the payload. A frame without payload (a comment, a blank
line) has empty `data`. `SseFramer` reads server-sent events, `LineFramer` newline-delimited JSON, `ArrayFramer` one
JSON array element by element (Gemini without `alt=sse`). All are bounded: a frame larger than `limit` raises `Refused`
(blame: upstream). `encode_event` and `encode_comment` write server-sent events, `encode_line` a JSON line.
"""

from headgate.protocols.framing.elements import ArrayFramer
from headgate.protocols.framing.frame import DEFAULT_LIMIT, Frame, Framer
from headgate.protocols.framing.lines import LineFramer, encode_line
from headgate.protocols.framing.sse import SseFramer, encode_comment, encode_event

__all__ = [
    "DEFAULT_LIMIT",
    "ArrayFramer",
    "Frame",
    "Framer",
    "LineFramer",
    "SseFramer",
    "encode_comment",
    "encode_event",
    "encode_line",
]
