"""The listening connection: framing, order, limits, and what is refused."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headgate.relay.asked import Asked
from headgate.server.exchange import Exchange
from headgate.server.lane import Limits

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


def post(body: bytes, extra: bytes = b"") -> bytes:
    return HEAD + extra + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
async def lane(listen: Any) -> AsyncIterator[Any]:
    async with listen() as listening:
        yield listening


async def test_a_call_is_answered_and_the_connection_stays(lane: Any) -> None:
    """Two calls and a page over one connection, each answered in its turn."""
    peer = await lane.open()
    for request, marker in (
        (post(b'{"a":1}'), b'{\\"a\\":1}'),
        (b"GET /page HTTP/1.1\r\nhost: x\r\n\r\n", b"page /page"),
        (post(b'{"b":2}'), b'{\\"b\\":2}'),
    ):
        await peer.send(request)
        status, _, body = await peer.response()

        assert status == 200
        assert marker in body
    await peer.close()


async def test_every_answer_carries_the_request_id(lane: Any) -> None:
    """Both names of the header, and open CORS."""
    peer = await lane.open()
    await peer.send(post(b"{}"))
    _, headers, _ = await peer.response()
    await peer.close()

    assert headers["x-request-id"] == headers["x-oneapi-request-id"] == "call-1"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["date"].endswith("GMT")


async def test_pipelined_requests_are_answered_in_order(lane: Any) -> None:
    """Calls and pages sent in one packet come back in the order they were sent."""
    peer = await lane.open()
    page = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"
    await peer.send(post(b"1") + page % 2 + post(b"3") + post(b"4") + page % 5)
    bodies = [(await peer.response())[2] for _ in range(5)]
    await peer.close()

    assert [json.loads(bodies[n])["body"] for n in (0, 2, 3)] == ["1", "3", "4"]
    assert [bodies[1], bodies[4]] == [b"page /2 ", b"page /5 "]


async def test_a_request_may_arrive_byte_by_byte(lane: Any) -> None:
    """However the network cuts a request, it is the same request."""
    peer = await lane.open()
    for byte in post(b'{"a":1}', b"content-type: application/json\r\n"):
        await peer.send(bytes([byte]))
        await asyncio.sleep(0)
    status, _, body = await peer.response()
    await peer.close()

    assert (status, json.loads(body)["body"]) == (200, '{"a":1}')


async def test_chunked_bodies_are_joined(lane: Any) -> None:
    """Chunks with extensions and trailers make one body."""
    chunks = b"3;x=1\r\nabc\r\n4\r\ndefg\r\n0\r\ntrailer: t\r\n\r\n"
    peer = await lane.open()
    await peer.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks)
    _, _, body = await peer.response()
    await peer.close()

    assert json.loads(body)["body"] == "abcdefg"


async def test_expect_continue_is_honoured(lane: Any) -> None:
    """The client is told to go on before it sends its body."""
    peer = await lane.open()
    await peer.send(HEAD + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")

    assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await peer.send(b"{}")
    assert (await peer.response())[0] == 200
    await peer.close()


async def test_compressed_bodies_are_undone(lane: Any) -> None:
    """gzip is accepted."""
    peer = await lane.open()
    await peer.send(post(gzip.compress(b'{"z":1}'), b"content-encoding: gzip\r\n"))
    _, _, body = await peer.response()
    await peer.close()

    assert json.loads(body)["body"] == '{"z":1}'


async def test_http_1_0_and_connection_close_are_closed_after_the_answer(lane: Any) -> None:
    """One answer, then the end."""
    old = await lane.exchange(b"POST /v1/chat/completions HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}")
    closing = await lane.exchange(post(b"{}", b"connection: close\r\n"))

    assert old.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in closing


async def test_an_offer_to_upgrade_is_ignored(lane: Any) -> None:
    """Java's client offers h2c with its first request; the call is answered in HTTP/1.1."""
    answer = await lane.exchange(post(b"{}", b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"))

    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_page_asked_for_over_a_websocket_is_answered_in_plain_http(lane: Any) -> None:
    """Codex asks for /v1/responses in this way; an answer tells it to do without, silence that it should try again."""
    head = (
        b"GET /page HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    )
    answer = await lane.exchange(head + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"page /page " in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="CL.TE"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", id="TE.CL"),
        pytest.param(HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", id="two lengths"),
        pytest.param(HEAD + b"content-length: 5\r\ncontent-length: 5\r\n\r\nabcde", id="the same length twice"),
        pytest.param(HEAD + b"content-length: 5, 5\r\n\r\nabcde", id="length list"),
        pytest.param(HEAD + b"content-length: +5\r\n\r\nabcde", id="signed length"),
        pytest.param(HEAD + b"content-length: -5\r\n\r\nabcde", id="negative length"),
        pytest.param(HEAD + b"content-length: 0x5\r\n\r\nabcde", id="hexadecimal length"),
        pytest.param(HEAD + b"content-length: 5 5\r\n\r\nabcde", id="length with a space"),
        pytest.param(HEAD + b"content-length: \r\n\r\n", id="empty length"),
        pytest.param(HEAD + b"content-length: 99999999999999999999\r\n\r\n", id="length overflow"),
        pytest.param(HEAD + b"content-length : 2\r\n\r\n{}", id="space before colon"),
        pytest.param(HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", id="xchunked"),
        pytest.param(HEAD + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked not last"),
        pytest.param(HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="gzip, chunked"),
        pytest.param(HEAD + b"transfer-encoding: identity\r\n\r\n", id="identity"),
        pytest.param(
            HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n", id="two codings"
        ),
        pytest.param(HEAD + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", id="vertical tab"),
        pytest.param(HEAD + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", id="folded coding"),
        pytest.param(HEAD + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}", id="obs-fold"),
        pytest.param(HEAD + b"x: a\x00b\r\ncontent-length: 2\r\n\r\n{}", id="NUL in value"),
        pytest.param(HEAD + b"x\x00y: ab\r\ncontent-length: 2\r\n\r\n{}", id="NUL in name"),
        pytest.param(HEAD + b"x: a\rb: c\r\ncontent-length: 2\r\n\r\n{}", id="bare CR in value"),
        pytest.param(HEAD + b": value\r\ncontent-length: 2\r\n\r\n{}", id="empty name"),
        pytest.param(HEAD + b"bad header line\r\ncontent-length: 2\r\n\r\n{}", id="no colon"),
        pytest.param(HEAD + b"(x): y\r\ncontent-length: 2\r\n\r\n{}", id="separator in name"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\nZ\r\n\r\n0\r\n\r\n", id="bad chunk size"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n", id="negative chunk size"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", id="0x chunk size"),
        pytest.param(
            HEAD + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n", id="chunk overflow"
        ),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nabX\r\n0\r\n\r\n", id="chunk longer than said"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n2\nab\n0\n\n", id="bare LF in chunks"),
        pytest.param(HEAD + b"host: y\r\ncontent-length: 2\r\n\r\n{}", id="two hosts"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", id="no host"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1 \r\nhost: x\r\n\r\n", id="space after version"),
        pytest.param(b"POST /v1/chat/completions HTTP/9.9\r\nhost: x\r\n\r\n", id="unknown version"),
        pytest.param(b"POST /v1/chat/completions\r\nhost: x\r\n\r\n", id="no version"),
        pytest.param(b"P\x00ST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n", id="NUL in method"),
        pytest.param(b"GARBAGE\r\n\r\n", id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS on a plain port"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 preface"),
        pytest.param(
            b"POST /v1/chat/completions HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="chunked in HTTP/1.0",
        ),
    ],
)
async def test_ambiguous_and_malformed_requests_are_refused(lane: Any, request_bytes: bytes) -> None:
    """What two implementations could frame differently gets 400 and the connection's end; a request hidden behind it is
    never answered."""
    hidden = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"
    answer = await lane.exchange(request_bytes + hidden)

    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert b"x-request-id: refused-1" in answer
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert b"hidden" not in answer


async def test_a_header_cannot_be_injected_through_the_target(lane: Any) -> None:
    """Line breaks in the request target end the request, they add nothing to it."""
    answer = await lane.exchange(b"POST /v1/chat/completions?a=\r\nx-evil: 1 HTTP/1.1\r\nhost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_malformed_request_behind_a_running_one_does_not_spoil_its_answer(listen: Any) -> None:
    """The first answer leaves whole; then the connection ends."""

    async def slow(exchange: Exchange, asked: Asked) -> None:
        await asyncio.sleep(0.05)
        exchange.answer(200, {}, b"first")

    async with listen(slow) as lane:
        answer = await lane.exchange(post(b"{}") + b"GARBAGE\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"first")
    assert answer.count(b"HTTP/1.1") == 1


async def test_oversized_bodies_are_refused_before_and_while_they_arrive(listen: Any) -> None:
    """Announced, in chunks, or after decompression: 413."""
    async with listen(limits=Limits(body_bytes=1000)) as lane:
        announced = await lane.exchange(HEAD + b"content-length: 1001\r\n\r\n" + b"x" * 1001)
        chunked = await lane.exchange(
            HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"
        )
        peer = await lane.open()
        await peer.send(post(gzip.compress(b"x" * 5000), b"content-encoding: gzip\r\n"))
        bomb = (await peer.response())[0]
        await peer.close()
        unsent = await lane.open()
        await unsent.send(HEAD + b"expect: 100-continue\r\ncontent-length: 5000\r\n\r\n")
        early = (await unsent.response())[0]
        await unsent.close()

    assert announced.startswith(b"HTTP/1.1 413")
    assert chunked.startswith(b"HTTP/1.1 413")
    assert bomb == 413
    assert early == 413


async def test_an_oversized_head_is_refused(listen: Any) -> None:
    """A head without end does not fill the memory."""
    async with listen(limits=Limits(head_bytes=5000)) as lane:
        long_value = await lane.exchange(HEAD + b"x: " + b"y" * 9000 + b"\r\n\r\n")
        unfinished = await lane.exchange(HEAD + b"x: " + b"y" * 9000)
        many = await lane.exchange(HEAD + b"x: y\r\n" * 2000 + b"\r\n")

    for answer in (long_value, unfinished, many):
        assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("half", [HEAD, post(b"0123456789")[:-3], b"PO"])
async def test_half_a_request_is_ended_in_time(listen: Any, half: bytes) -> None:
    """A slow or stalled client is told 408 and closed; nothing is relayed."""
    served: list[Exchange] = []

    async def note(exchange: Exchange, asked: Asked) -> None:
        served.append(exchange)

    async with listen(note, Limits(head_s=0.2, body_s=0.2)) as lane:
        answer = await lane.exchange(half)

    assert answer.startswith(b"HTTP/1.1 408")
    assert served == []


async def test_dripping_header_bytes_does_not_extend_the_time(listen: Any) -> None:
    """The time for a head runs from its first byte, however busily it drips."""
    async with listen(limits=Limits(head_s=0.3)) as lane:
        peer = await lane.open()

        async def drip() -> None:
            while True:
                await peer.send(b"x")
                await asyncio.sleep(0.05)

        await peer.send(HEAD + b"x-drip: ")
        dripping = asyncio.create_task(drip())
        answer = await peer.read_to_end()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        await peer.close()

    assert answer.startswith(b"HTTP/1.1 408")


async def test_idle_connections_are_closed_in_silence(listen: Any) -> None:
    """A kept connection ends after the idle time, without an error that nobody asked for."""
    async with listen(limits=Limits(idle_s=0.2, head_s=0.2)) as lane:
        peer = await lane.open()
        await peer.send(post(b"{}"))
        await peer.response()

        assert await peer.read_to_end() == b""
        await peer.close()
        assert await lane.exchange(b"") == b""


async def test_a_client_that_leaves_is_noticed_at_once(listen: Any) -> None:
    """The call's owner is told, and nothing more is written."""
    left = asyncio.Event()

    async def wait(exchange: Exchange, asked: Asked) -> None:
        exchange.begin(200, {}, b"first")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            assert exchange.gone
            exchange.write(b"into the void")
            exchange.finish()
            left.set()

    async with listen(wait) as lane:
        peer = await lane.open()
        await peer.send(post(b"{}"))
        await peer.reader.readuntil(b"first\r\n")
        await peer.close()

        await asyncio.wait_for(left.wait(), 5)


async def test_a_slow_reader_is_reported_and_a_fast_one_again(listen: Any) -> None:
    """Back-pressure reaches whoever writes."""
    flow: list[bool] = []
    slow = asyncio.Event()

    async def flood(exchange: Exchange, asked: Asked) -> None:
        def note(paused: bool) -> None:
            flow.append(paused)
            slow.set()

        exchange.on_flow = note
        exchange.begin(200, {}, b"")
        while not slow.is_set():
            exchange.write(b"x" * 65536)
            await asyncio.sleep(0)
        while len(flow) < 2:
            await asyncio.sleep(0.01)
        exchange.finish()

    async with listen(flood) as lane:
        peer = await lane.open()
        await peer.send(post(b"{}"))
        await asyncio.wait_for(slow.wait(), 10)
        status, _, body = await peer.response()
        await peer.close()

    assert flow == [True, False]
    assert status == 200
    assert set(body) == {ord("x")}


async def test_running_answers_are_finished_at_shutdown(listen: Any) -> None:
    """A graceful stop lets a stream run to its end and then closes the connection."""
    begun = asyncio.Event()

    async def stream(exchange: Exchange, asked: Asked) -> None:
        exchange.begin(200, {}, b"one")
        begun.set()
        await asyncio.sleep(0.3)
        exchange.write(b"two")
        exchange.finish()

    async with listen(stream) as lane:
        idle = await lane.open()
        peer = await lane.open()
        await peer.send(post(b"{}"))
        await begun.wait()
        lane.server.should_exit = True
        _, _, body = await peer.response()
        rest = await peer.read_to_end()
        await peer.close()
        await idle.close()

    assert body == b"onetwo"
    assert rest == b""
