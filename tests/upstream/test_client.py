"""The client against real loopback sockets, on both event loops."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from fakes.peer import Reply, ok, peer, reply
from headgate.upstream import (
    Broken,
    Client,
    ConnectFailed,
    ConnectTimedOut,
    Dialer,
    FirstByteTimedOut,
    IdleTimedOut,
    Timeouts,
    TooLarge,
)
from headgate.upstream.dial import Address, look_up

HEAD = b"POST /v1/x HTTP/1.1\r\nhost: test\r\n"
T = Timeouts(connect_s=5, first_byte_s=10, idle_s=10)
HANG = Reply()
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def call(client: Client, origin: object, body: bytes = b"{}", timeouts: Timeouts = T) -> bytes:
    answer = await client.send(origin, HEAD, body, timeouts)  # type: ignore[arg-type]
    return await answer.read(1 << 24)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def test_calls_in_a_row_share_one_connection(client: Client) -> None:
    """A finished connection goes back to the pool by itself."""
    async with peer() as it:
        assert [await call(client, it.origin()) for _ in range(3)] == [b"hello"] * 3
        assert it.opened == 1
        stats = client.stats()
        assert (stats.open, stats.idle, stats.opened, stats.reused, stats.stale_retries) == (1, 1, 1, 2, 0)


async def test_calls_at_once_have_a_connection_each(client: Client) -> None:
    """Nothing is pipelined; the connections are kept for later."""
    async with peer() as it:
        await asyncio.gather(*(call(client, it.origin()) for _ in range(5)))
        assert it.opened == 5
        assert client.stats().idle == 5
        await asyncio.gather(*(call(client, it.origin()) for _ in range(5)))
        assert it.opened == 5


async def test_pool_keeps_only_so_many_idle() -> None:
    """Those beyond the bound are closed."""
    client = Client(max_idle_per_origin=2)
    async with peer() as it:
        await asyncio.gather(*(call(client, it.origin()) for _ in range(5)))
        assert client.stats().idle == 2
        await client.close()
        await it.all_lost()


async def test_limited_origin_makes_calls_wait_their_turn() -> None:
    """No more connections than allowed are ever open, and all calls are answered."""
    client = Client(max_per_origin=2)
    async with peer() as it:
        assert await asyncio.gather(*(call(client, it.origin()) for _ in range(9))) == [b"hello"] * 9
        assert it.opened == 2
        await client.close()


async def test_waiting_for_a_connection_is_part_of_connecting() -> None:
    """Who waits too long is told so; who is cancelled loses nobody's place."""
    client = Client(max_per_origin=1)
    async with peer(HANG) as it:
        first = asyncio.create_task(call(client, it.origin()))
        while not it.requests:
            await asyncio.sleep(0.001)
        with pytest.raises(ConnectTimedOut):
            await call(client, it.origin(), timeouts=Timeouts(connect_s=0.02))
        second = asyncio.create_task(call(client, it.origin()))
        third = asyncio.create_task(call(client, it.origin()))
        await asyncio.sleep(0.01)
        second.cancel()
        first.cancel()
        assert await third == b"hello"
        await client.close()


async def test_stale_connection_is_retried_exactly_once(client: Client) -> None:
    """A kept connection that dies under the request is replaced by a new one; if that dies too, that is the answer."""
    async with peer(reply(ok()), reply(then="reset"), reply(ok(b"again"))) as it:
        await call(client, it.origin())
        assert await call(client, it.origin()) == b"again"
        assert (it.opened, client.stats().stale_retries) == (2, 1)
        it.script = [reply(then="reset"), reply(then="reset"), reply(ok(b"never"))]
        with pytest.raises(Broken) as caught:
            await call(client, it.origin())
        assert not caught.value.received
        assert len(it.requests) == 5


async def test_fresh_connection_is_not_retried(client: Client) -> None:
    """The upstream took the request and failed: asking again is not ours to decide."""
    async with peer(reply(then="close")) as it:
        with pytest.raises(Broken):
            await call(client, it.origin())
        assert len(it.requests) == 1


async def test_kept_connection_that_began_to_answer_is_not_retried(client: Client) -> None:
    """One byte of an answer is enough."""
    async with peer(reply(ok()), reply(b"H", then="close")) as it:
        await call(client, it.origin())
        with pytest.raises(Broken) as caught:
            await call(client, it.origin())
        assert caught.value.received
        assert len(it.requests) == 2


async def test_body_in_pieces_is_never_sent_twice(client: Client) -> None:
    """It is used up: the second sending would be an empty one."""
    async with peer(reply(ok()), reply(then="reset"), reply(ok(b"never"))) as it:
        await call(client, it.origin())
        with pytest.raises(Broken) as caught:
            await client.send(it.origin(), HEAD, pieces(b"abc"), T)
        assert not caught.value.received
        assert [body for _, _, body in it.requests] == [b"{}", b"abc"]


async def test_stale_retry_outlives_the_sweep_of_its_pool() -> None:
    """A pool that was empty for a moment is not lost sight of: the new connection is known and closed with the rest."""
    client = Client(sweep_s=0)  # sweeps at every turn of the loop
    async with peer(reply(ok()), reply(then="reset"), HANG) as it:
        await call(client, it.origin())
        task = asyncio.create_task(call(client, it.origin()))
        while len(it.requests) < 3:
            await asyncio.sleep(0.001)
        assert client.stats().open == 1
        await client.close()
        with pytest.raises(Broken):
            await task
        await it.all_lost()


async def test_connection_the_peer_closes_while_idle_is_forgotten(client: Client) -> None:
    """The next call opens a new one and never notices."""
    async with peer(reply(ok(), then="close")) as it:
        await call(client, it.origin())
        await it.all_lost()
        await asyncio.sleep(0.01)
        assert client.stats().open == 0
        assert await call(client, it.origin()) == b"hello"
        assert client.stats().stale_retries == 0


async def test_stream_arrives_piece_by_piece(client: Client) -> None:
    """The sink is called as data comes, in order; the connection is kept at the end."""
    async with peer(reply(CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n")) as it:
        answer = await client.send(it.origin(), HEAD, b"{}", T)
        got: list[bytes] = []
        await answer.pipe(got.append)
        assert got == [b"one", b"two"]
        assert client.stats().idle == 1


async def test_sink_that_raises_ends_the_exchange(client: Client) -> None:
    """What it raises comes out of `pipe`, and the connection is closed."""
    async with peer(reply(CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n")) as it:
        answer = await client.send(it.origin(), HEAD, b"{}", T)

        def sink(data: bytes) -> None:
            raise KeyError(data)

        with pytest.raises(KeyError):
            await answer.pipe(sink)
        await it.all_lost()


@pytest.mark.parametrize("stage", ["send", "read", "pipe"])
async def test_cancelling_closes_the_connection_at_once(client: Client, stage: str) -> None:
    """An upstream must not go on working for nobody."""
    async with peer(HANG if stage == "send" else reply(CHUNKED, b"1\r\nx\r\n")) as it:

        async def work() -> None:
            answer = await client.send(it.origin(), HEAD, b"{}", T)
            await (answer.read(100) if stage == "read" else answer.pipe(lambda _: None))

        task = asyncio.create_task(work())
        while not it.requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await it.all_lost()
        assert client.stats().open == 0


async def test_closing_an_answer_gives_it_up(client: Client) -> None:
    """An open answer's connection is closed; a complete one's has long been kept."""
    async with peer(reply(ok()), reply(CHUNKED)) as it:
        (await client.send(it.origin(), HEAD, b"{}", T)).close()
        assert client.stats().idle == 1
        answer = await client.send(it.origin(), HEAD, b"{}", T)
        answer.close()
        await it.all_lost()
        with pytest.raises(Broken):
            await answer.read(10)


async def test_too_large_an_answer_is_cut_off(client: Client) -> None:
    """Whether it comes at once or in pieces."""
    async with peer(reply(ok(b"x" * 11)), reply(CHUNKED, b"8\r\nxxxxxxxx\r\n", b"8\r\nxxxxxxxx\r\n")) as it:
        for _ in range(2):
            answer = await client.send(it.origin(), HEAD, b"{}", T)
            with pytest.raises(TooLarge):
                await answer.read(10)
        await client.close()


async def test_silence_before_the_head_times_out(client: Client) -> None:
    """The sweep ends it and closes the connection."""
    async with peer(HANG) as it:
        with pytest.raises(FirstByteTimedOut) as caught:
            await call(client, it.origin(), timeouts=Timeouts(first_byte_s=0.02))
        assert not caught.value.received
        await it.all_lost()


async def test_silence_within_the_body_times_out(client: Client) -> None:
    """What came before is delivered first."""
    async with peer(reply(CHUNKED + b"1\r\nx\r\n")) as it:
        answer = await client.send(it.origin(), HEAD, b"{}", Timeouts(idle_s=0.02))
        got: list[bytes] = []
        with pytest.raises(IdleTimedOut):
            await answer.pipe(got.append)
        assert got == [b"x"]
        await it.all_lost()


async def test_unused_connections_are_closed_and_the_sweep_sleeps() -> None:
    """An idle client has no connection and no timer."""
    client = Client(idle_lifetime_s=0.02, sweep_s=0.01)
    async with peer() as it:
        await call(client, it.origin())
        await it.all_lost()
        await asyncio.sleep(0.05)
        assert client.stats().open == 0
        assert client._timer is None
        assert await call(client, it.origin()) == b"hello"
        await client.close()


async def test_paused_answer_stops_the_peer(client: Client) -> None:
    """While paused the peer's socket fills up and stays full; resumed, everything arrives."""
    total = 8 * 1024 * 1024
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total
    async with peer(reply(head)) as it:
        answer = await client.send(it.origin(), HEAD, b"{}", T)
        (session,) = it.live
        got = 0

        def sink(data: bytes) -> None:
            nonlocal got
            got += len(data)

        answer.pause()
        reading = asyncio.create_task(answer.pipe(sink))
        session.transport.write(b"x" * total)
        await asyncio.sleep(0.1)
        held = session.transport.get_write_buffer_size()
        assert held > 0
        assert got < 1024 * 1024
        await asyncio.sleep(0.05)
        assert session.transport.get_write_buffer_size() == held
        answer.resume()
        await reading
        assert got == total


async def test_body_in_pieces_is_sent_chunked_or_with_its_length(client: Client) -> None:
    """The peer sees the same body; both leave the connection fit for the next."""
    async with peer() as it:
        for length in (None, 6):
            answer = await client.send(it.origin(), HEAD, pieces(b"abc", b"", b"def"), T, length)
            assert await answer.read(10) == b"hello"
        (_, chunked, one), (_, counted, two) = it.requests
        assert one == two == b"abcdef"
        assert chunked["transfer-encoding"] == "chunked"
        assert counted["content-length"] == "6"
        assert it.opened == 1


@pytest.mark.parametrize("length", [2, 9])
async def test_body_that_breaks_its_promise_is_not_sent_as_whole(client: Client, length: int) -> None:
    """Longer or shorter than announced: the caller's mistake, and the connection's end."""
    async with peer() as it:
        with pytest.raises(ValueError, match="promised"):
            await client.send(it.origin(), HEAD, pieces(b"abc"), T, length)
        await it.all_lost()
        assert it.requests == []


async def test_body_that_fails_fails_the_call_with_its_own_error(client: Client) -> None:
    """The source of the body knows best why it ended."""

    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("gone")

    async with peer() as it:
        with pytest.raises(LookupError):
            await client.send(it.origin(), HEAD, failing(), T)
        await it.all_lost()


async def test_early_refusal_is_delivered_and_ends_the_connection(client: Client) -> None:
    """An upstream that has seen enough may answer before we have sent all; the rest of the body is not produced."""
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0.001)
                yield b"x" * 100
        finally:
            closed.set()

    early = reply(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig", early=True)
    async with peer(early) as it:
        answer = await client.send(it.origin(), HEAD, endless(), T)
        assert (answer.status, await answer.read(10)) == (413, b"big")
        await it.all_lost()
        await closed.wait()


async def test_slow_body_does_not_run_into_the_first_byte_time_out(client: Client) -> None:
    """The clock for the answer starts when the request is complete."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.03)
            yield b"x"

    async with peer() as it:
        answer = await client.send(it.origin(), HEAD, slow(), Timeouts(first_byte_s=0.05))
        assert await answer.read(10) == b"hello"
        assert it.requests[0][2] == b"xxxx"


async def test_big_bodies_pass_in_both_directions(client: Client) -> None:
    """Several megabytes, as bytes and in pieces."""
    body = bytes(range(256)) * 16384
    async with peer(reply(ok(body)), reply(ok(body))) as it:
        assert await call(client, it.origin(), body) == body
        answer = await client.send(it.origin(), HEAD, pieces(*[body[:65536]] * 64), T)
        assert await answer.read(len(body)) == body
        assert [len(request[2]) for request in it.requests] == [len(body), 65536 * 64]


async def test_nobody_listens(client: Client) -> None:
    """A refused connection is said to be one, and is no leak."""
    async with peer() as it:
        origin = it.origin()
    with pytest.raises(ConnectFailed) as caught:
        await call(client, origin)
    assert not caught.value.received


async def test_closed_client_fails_what_is_under_way() -> None:
    """And frees every socket."""
    client = Client()
    async with peer(HANG) as it:
        task = asyncio.create_task(call(client, it.origin()))
        while not it.requests:
            await asyncio.sleep(0.001)
        await client.close()
        with pytest.raises(Broken):
            await task
        with pytest.raises(Broken):
            await call(client, it.origin())
        await it.all_lost()


async def test_connection_made_after_the_client_closed_is_closed() -> None:
    """A dial under way does not outlive the client."""
    gate = asyncio.Event()

    async def slow(host: str, port: int) -> list[Address]:
        await gate.wait()
        return await look_up(host, port)

    client = Client(dialer=Dialer(resolver=slow))
    async with peer() as it:
        task = asyncio.create_task(call(client, it.origin()))
        await asyncio.sleep(0)
        await client.close()
        gate.set()
        with pytest.raises(Broken):
            await task
        while it.opened == 0:
            await asyncio.sleep(0.001)
        await it.all_lost()


async def test_lost_connections_leave_no_garbage(client: Client) -> None:
    """Connection, parser and answer do not keep each other alive."""
    async with peer(*[reply(ok(), then="close")] * 5) as it:
        for _ in range(5):
            await call(client, it.origin())
            await it.all_lost()
        await asyncio.sleep(0.01)
        gc.collect()
        assert not [
            x
            for x in gc.get_objects()
            if type(x).__name__ == "Connection" and type(x).__module__.endswith("upstream.connection")
        ]
