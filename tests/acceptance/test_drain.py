"""Being told to stop: what runs may finish, nothing new is taken, nothing is lost."""

import asyncio
from pathlib import Path

import httpx
import pytest

from acceptance.gateway import KEY, Peer, ask, channel, configuration, events, said
from acceptance.process import Process, running
from headgate.billing import archive
from headgate.billing.archive import Entry
from headgate.sandbox import running_sandbox
from headgate.store.database import Database


async def stream(gateway: Process, begun: asyncio.Event, text: str) -> bytes:
    """A streamed call, read to its end."""
    body = b""
    headers = {"authorization": f"Bearer {KEY}"}
    async with (
        httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30) as client,
        client.stream("POST", "/v1/chat/completions", json=ask("it", text, stream=True)) as answer,
    ):
        async for piece in answer.aiter_raw():
            body += piece
            begun.set()
    return body


async def listens(gateway: Process) -> bool:
    """Whether a new connection is taken."""
    try:
        peer = await Peer.to(gateway.url)
    except ConnectionRefusedError:
        return False
    await peer.close()
    return True


async def receipts(directory: Path) -> list[Entry]:
    """What the books have when the gateway is down."""
    database = await Database.open(f"sqlite:///{directory / 'headgate.db'}")
    try:
        async with database.read() as conn:
            return await archive.listed(conn, archive.Filter())
    finally:
        await database.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_running_stream_is_finished_and_nothing_new_is_taken(tmp_path: Path, workers: int) -> None:
    """SIGTERM: the stream goes on to its end, a new connection is refused, the exit code is 0, the journal empty."""
    async with running_sandbox() as url:
        text = configuration([channel("one", url, {"it": "sandbox:pace=20"})])
        with running(tmp_path, text, workers=workers) as gateway:
            begun = asyncio.Event()
            call = asyncio.create_task(stream(gateway, begun, "Write 60 words"))
            await begun.wait()
            gateway.tell_to_stop()
            async with asyncio.timeout(20):
                while await listens(gateway):
                    await asyncio.sleep(0.01)
            assert not call.done()
            told = events(await call)
            assert told[-1] == "[DONE]"
            assert said(told[:-1]).endswith("word60")
            assert await asyncio.to_thread(gateway.stop) == 0
    (receipt,) = await receipts(tmp_path)
    assert (receipt.ending, receipt.estimated) == ("completed", False)
    assert [file for file in (tmp_path / "journal").rglob("*") if file.is_file() and file.stat().st_size > 64] == []


async def test_a_stream_beyond_the_limit_ends_with_an_error_and_is_charged(tmp_path: Path) -> None:
    """When the time to finish is over the caller is told, and the receipt is written before the process ends."""
    async with running_sandbox() as url:
        text = configuration([channel("one", url, {"it": "sandbox:pace=100"})])
        with running(tmp_path, text, settings={"drain_timeout_s": 1}) as gateway:
            begun = asyncio.Event()
            call = asyncio.create_task(stream(gateway, begun, "Write 900 words"))
            await begun.wait()
            assert await asyncio.to_thread(gateway.stop) == 0
            *_, error, done = events(await call)
            assert "error" in error
            assert done == "[DONE]"
    (receipt,) = await receipts(tmp_path)
    assert receipt.ending == "upstream_failed"
    assert receipt.charge_nano > 0
