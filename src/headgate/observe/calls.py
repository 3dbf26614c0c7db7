"""One log line a call, as JSON, gathered and written a few times a second: a write a call would cost more than the
call's own bookkeeping."""

import asyncio
from collections.abc import Callable, Mapping

import orjson

MAX_WAITING = 20_000
"""Lines kept while the sink is slow; beyond it lines are counted and dropped rather than held in memory."""


class CallLog:
    """Gathers lines and hands them to a sink.

    Args:
        sink: takes whole lines as bytes, e.g. a file's or stderr's `write`.
        every_s: how long a line may wait.
    """

    def __init__(self, sink: Callable[[bytes], object], every_s: float = 0.2) -> None:
        self._sink = sink
        self._every_s = every_s
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0

    def write(self, fields: Mapping[str, object]) -> None:
        """Log one call."""
        if len(self._lines) >= MAX_WAITING:
            self.dropped += 1
            return
        self._lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self.flush)

    def flush(self) -> None:
        """Write what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines = self._lines, []
            self._sink(b"".join(lines))
