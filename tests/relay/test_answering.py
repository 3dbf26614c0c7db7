"""Live streams: back-pressure beside a hold that is being extended."""

import asyncio
from types import SimpleNamespace
from typing import Any

from headgate.relay.answering import Flow, Voice


class Upstream:
    """An answer that only remembers whether it is read from."""

    def __init__(self) -> None:
        self.reading = True

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.reading = False


class Purse:
    """Grants an extension when it is told to."""

    def __init__(self) -> None:
        self.granted = asyncio.Event()

    async def extend(self, hold: Any, extra_nano: int) -> bool:
        await self.granted.wait()
        return True


def flow(upstream: Upstream, purse: Purse) -> Flow:
    call = SimpleNamespace(peek=SimpleNamespace(n=1))
    progress = SimpleNamespace(hold=None)
    parts: Any = (call, progress, upstream, None, purse, Voice(headers={}))
    return Flow(*parts)


async def test_a_slow_client_keeps_the_upstream_waiting_after_an_extension() -> None:
    """Money that has come does not make the client any faster: the upstream is read again when the client is ready."""
    upstream, purse = Upstream(), Purse()
    live = flow(upstream, purse)
    upstream.pause()
    extending = asyncio.create_task(live._extend_slowly(1, 1))
    live.peer_is_slow(True)
    purse.granted.set()
    await extending
    assert not upstream.reading

    live.peer_is_slow(False)
    assert upstream.reading


async def test_a_ready_client_is_read_for_as_soon_as_the_money_is_there() -> None:
    """The extension alone had stopped the upstream."""
    upstream, purse = Upstream(), Purse()
    live = flow(upstream, purse)
    upstream.pause()
    purse.granted.set()
    await live._extend_slowly(1, 1)

    assert upstream.reading
