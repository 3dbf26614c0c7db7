"""The call log: gathered, whole lines, bounded."""

import asyncio
import json
import threading

from headgate.observe import calls
from headgate.observe.calls import CallLog


async def test_lines_are_gathered_and_written_together() -> None:
    """One write for many calls, in their order."""
    written: list[bytes] = []
    log = CallLog(written.append, every_s=0.01)
    log.write({"id": "a"})
    log.write({"id": "b"})
    await asyncio.sleep(0.05)

    assert len(written) == 1
    assert [json.loads(line)["id"] for line in written[0].splitlines()] == ["a", "b"]


async def test_a_stop_loses_nothing() -> None:
    """What has gathered is written when the worker stops."""
    written: list[bytes] = []
    log = CallLog(written.append, every_s=60)
    log.write({"id": "a"})
    log.close()

    assert written == [b'{"id":"a"}\n']


async def test_a_stalled_sink_neither_stalls_calls_nor_fills_the_memory() -> None:
    """Lines wait up to a bound, then they are dropped and counted; when the sink goes on, so does the log."""
    going_on = threading.Event()
    written: list[bytes] = []

    def stalled(data: bytes) -> None:
        going_on.wait(10)
        written.append(data)

    log = CallLog(stalled, every_s=0.01)
    log.write({"id": "first"})
    await asyncio.sleep(0.05)
    for _ in range(calls.MAX_WAITING + 3):
        log.write({})
    going_on.set()
    log.close()

    assert log.dropped == 3
    assert written[0] == b'{"id":"first"}\n'
    assert b"".join(written).count(b"\n") == calls.MAX_WAITING + 1
