"""One log line a call, as JSON, gathered and written a few times a second: a write a call would cost more than the
call's own bookkeeping. A thread does the writing, so that a reader of the log who stalls does not stall the calls.
"""

import asyncio
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread

import orjson

MAX_WAITING = 20_000
"""Lines kept while the sink is slow; beyond it lines are counted and dropped rather than held in memory."""
PATIENCE_S = 2.0
"""How long closing waits for a sink that stalls."""


class CallLog:
    """Gathers lines and hands them to a sink.

    Args:
        sink: takes whole lines as bytes, e.g. a file's or stderr's `write`; called in a thread of the log's own.
        every_s: how long a line may wait.
    """

    def __init__(self, sink: Callable[[bytes], object], every_s: float = 0.2) -> None:
        self._sink = sink
        self._every_s = every_s
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._busy = False
        self._thread = Thread(target=self._write_all, name="call-log", daemon=True)
        self._thread.start()
        self.dropped = 0

    def write(self, fields: Mapping[str, object]) -> None:
        """Log one call."""
        if len(self._lines) >= MAX_WAITING:
            self.dropped += 1
            return
        self._lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._hand_over)

    def close(self) -> None:
        """Write what has gathered, as far as the sink takes it in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.put(b"".join(self._lines))
        self._lines = []
        self._queue.put(None)
        self._thread.join(PATIENCE_S)

    def _hand_over(self) -> None:
        if self._busy:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._hand_over)
            return
        self._timer = None
        self._busy = True
        lines, self._lines = self._lines, []
        self._queue.put(b"".join(lines))

    def _write_all(self) -> None:
        while (data := self._queue.get()) is not None:
            self._sink(data)
            self._busy = False
