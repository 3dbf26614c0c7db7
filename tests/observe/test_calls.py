"""The call log: gathered, whole lines, bounded."""

import asyncio
import json

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
    """What has gathered is written at once when the worker stops."""
    written: list[bytes] = []
    log = CallLog(written.append, every_s=60)
    log.write({"id": "a"})
    log.flush()
    log.flush()

    assert written == [b'{"id":"a"}\n']


async def test_a_slow_sink_does_not_fill_the_memory() -> None:
    """Beyond the bound lines are dropped and counted."""
    log = CallLog(lambda data: None, every_s=60)
    for _ in range(calls.MAX_WAITING + 3):
        log.write({})
    log.flush()

    assert log.dropped == 3
