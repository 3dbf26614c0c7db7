"""How a body is handed on: kept, piped, decoded, held back."""

import asyncio
import gzip

import pytest

from fakes.line import Wire, at_once
from headgate.upstream import Broken, ProtocolError, TooLarge
from headgate.upstream.answer import KEEP

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
PACKED = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"


async def test_what_came_before_the_reader_comes_first() -> None:
    """Pieces kept until `pipe` is called are delivered in order before new ones."""
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PLAIN % 6 + b"ab", b"cd")
    got: list[bytes] = []
    task = asyncio.create_task((await waiter).pipe(got.append))
    await asyncio.sleep(0)
    assert got == [b"ab", b"cd"]
    wire.receive(b"ef")
    await task
    assert got == [b"ab", b"cd", b"ef"]


async def test_reader_opens_a_held_connection_again() -> None:
    """Back-pressure of a body nobody read ends when somebody does."""
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PLAIN % (KEEP + 10) + b"x" * (KEEP + 1))
    assert not wire.transport.reading
    task = asyncio.create_task((await waiter).read(1 << 20))
    await asyncio.sleep(0)
    assert wire.transport.resumed == 1
    wire.receive(b"x" * 9)
    assert len(await task) == KEEP + 10


async def test_compressed_body_is_decoded_as_it_comes() -> None:
    """The sink sees text, not its packing."""
    packed = gzip.compress(b"hello " * 100)
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PACKED % len(packed))
    got: list[bytes] = []
    task = asyncio.create_task((await waiter).pipe(got.append))
    await asyncio.sleep(0)
    for at in range(len(packed)):
        wire.receive(packed[at : at + 1])
    await task
    assert b"".join(got) == b"hello " * 100


def test_compressed_body_that_is_cut_short_is_an_error() -> None:
    """Its wire length is right, its content is not."""
    packed = gzip.compress(b"hello " * 100)[:-4]
    loop = asyncio.new_event_loop()
    wire = Wire(loop)
    waiter = wire.ask()
    wire.receive(PACKED % len(packed) + packed)
    with pytest.raises(ProtocolError):
        at_once(waiter.result().read(10_000))
    loop.close()


async def test_compressed_bomb_stops_at_the_limit() -> None:
    """It is neither unpacked whole nor kept whole."""
    packed = gzip.compress(bytes(100_000_000))
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PACKED % len(packed) + packed)
    answer = await waiter
    with pytest.raises(TooLarge):
        await answer.read(1_000_000)


async def test_paused_reader_of_a_compressed_body_gets_no_more_than_a_piece() -> None:
    """The rest waits, even when the connection has delivered everything and is free again."""
    packed = gzip.compress(bytes(1_000_000))
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PACKED % len(packed) + packed)
    assert wire.free == 1
    answer = await waiter
    sizes: list[int] = []

    def sink(data: bytes) -> None:
        sizes.append(len(data))
        answer.pause()

    task = asyncio.create_task(answer.pipe(sink))
    await asyncio.sleep(0)
    before = len(sizes)
    assert not task.done()
    while not task.done():
        answer.resume()
        await asyncio.sleep(0)
    await task
    assert before < 4
    assert sum(sizes) == 1_000_000


async def test_closed_answer_wakes_its_reader() -> None:
    """Closing from elsewhere ends the wait."""
    wire = Wire(asyncio.get_running_loop())
    waiter = wire.ask()
    wire.receive(PLAIN % 5)
    answer = await waiter
    task = asyncio.create_task(answer.read(10))
    await asyncio.sleep(0)
    answer.close()
    with pytest.raises(Broken):
        await task
    assert wire.transport.closed
