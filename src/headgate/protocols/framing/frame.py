"""One frame of a stream, and what all framers share."""

from typing import Protocol

from msgspec import Struct

from headgate.canonical.failure import Blame, Failure, Kind, Refused

DEFAULT_LIMIT = 64 * 1024 * 1024
"""Bytes of one frame. Wide enough for an answer's largest inline image (4K PNG as base64), tight enough to bound a
stream that never ends its line."""


class Frame(Struct, frozen=True, gc=False):
    """`raw` as received with its terminator, `data` the payload (lines of SSE data joined by LF), `event` its name."""

    raw: bytes
    data: bytes
    event: str | None = None


class Framer(Protocol):
    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes in any cut; return the frames they complete."""
        ...

    def close(self) -> list[Frame]:
        """No more will come. At most one frame: what was left without its terminator, perhaps half of one."""
        ...


def too_large(limit: int) -> Refused:
    """What a framer raises when a frame outgrows its limit, in bytes."""
    message = f"the upstream sent a single event of more than {limit} bytes"
    return Refused(Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM))
