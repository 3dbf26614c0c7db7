"""Faults, as they look on the wire."""

import gzip
from typing import Any

import httpx
import pytest

from sandbox.raw import HELLO, exchange, post


async def faulty(url: str, switches: str, **wishes: Any) -> bytes:
    return await exchange(url, post(HELLO | {"model": f"sandbox:{switches}"} | wishes))


def events(received: bytes) -> int:
    """How many whole events came."""
    return received.count(b"\n\n\r\n")


async def test_without_a_fault_all_comes_and_the_connection_stays(url: str) -> None:
    """The measure for the other tests."""
    received = await faulty(url, "")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n<open>")
    assert events(received) == 7


async def test_a_connection_is_cut_where_it_was_asked(url: str) -> None:
    """Before the head, in it, after so many events, in the midst of one."""
    assert await faulty(url, "cut=head") == b"<closed>"
    halved = await faulty(url, "cut=midhead")
    assert halved.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n" not in halved
    for count in (0, 1, 3):
        received = await faulty(url, f"cut={count}")
        assert (events(received), received[-8:]) == (count, b"<closed>")
    within = await faulty(url, "cutframe=2")
    assert events(within) == 2
    assert not within.endswith(b"\r\n<closed>")
    assert (await faulty(url, "cut=1,reset")).endswith(b"<reset>")


async def test_a_whole_answer_is_cut_in_its_middle(url: str) -> None:
    """With a length that promises more."""
    received = await faulty(url, "cut=1", stream=False)
    head, _, body = received.partition(b"\r\n\r\n")
    promised = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert len(body.removesuffix(b"<closed>")) == promised // 2


async def test_an_answer_stalls_or_never_comes(url: str) -> None:
    """The connection stays open and silent."""
    assert await faulty(url, "hang") == b"<open>"
    received = await faulty(url, "stall=2")
    assert (events(received), received[-6:]) == (2, b"<open>")


async def test_a_stream_may_end_in_order_but_without_its_end(url: str) -> None:
    """The body is complete; the protocol's last events are not in it."""
    received = await faulty(url, "unfinished")
    assert received.endswith(b"0\r\n\r\n<open>")
    assert b"[DONE]" not in received
    assert b'"finish_reason":"stop"' not in received


async def test_an_error_event_ends_a_stream(url: str) -> None:
    """After so many events."""
    received = await faulty(url, "interrupt=2")
    assert events(received) == 3
    assert b'data: {"error":' in received


async def test_a_stale_connection_closes_when_it_is_used_again(url: str) -> None:
    """The second request gets no answer at all."""
    request = post(HELLO | {"model": "sandbox:stale", "stream": False})
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer k"}) as client:
        body = HELLO | {"model": "sandbox:stale", "stream": False}
        assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
        with pytest.raises(httpx.TransportError):
            await client.post("/v1/chat/completions", json=body)
    assert (await exchange(url, request)).endswith(b"<open>")


async def test_broken_json_is_broken_and_the_rest_is_whole(url: str) -> None:
    """One event of a stream, or the body."""
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer k"}) as client:
        whole = await client.post("/v1/chat/completions", json=HELLO | {"model": "sandbox:malformed", "stream": False})
        with pytest.raises(ValueError, match=r"line 1"):
            whole.json()
    received = await faulty(url, "malformed=1")
    assert events(received) == 7
    assert received.count(b"obfuscation") == 5


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_may_be_compressed_mislabelled_and_in_pieces(url: str, stream: bool) -> None:
    """Whatever the client accepts."""
    body = HELLO | {"model": "sandbox:gzip,type=text/html,split=5", "stream": stream}
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer k"}) as client:
        response = await client.post("/v1/chat/completions", json=body, headers={"accept-encoding": "identity"})
    assert (response.headers["content-encoding"], response.headers["content-type"]) == ("gzip", "text/html")
    assert "Hello" in response.text


async def test_a_compressed_stream_can_be_read_as_it_comes(url: str) -> None:
    """Each event is flushed through the compressor."""
    received = await faulty(url, "gzip,stall=2")
    first = received.partition(b"\r\n\r\n")[2].partition(b"\r\n")[2]
    assert first[:2] == gzip.compress(b"")[:2]


async def test_an_answer_may_be_empty_or_huge(url: str) -> None:
    """Empty as the vendors send it: well formed, with nothing in it."""
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer k"}) as client:
        empty = await client.post("/v1/chat/completions", json=HELLO | {"model": "sandbox:empty", "stream": False})
        assert empty.json()["choices"][0]["message"]["content"] == ""
        assert empty.json()["usage"]["completion_tokens"] == 0
        huge = await client.post("/v1/chat/completions", json=HELLO | {"model": "sandbox:huge=300000", "stream": False})
        assert len(huge.json()["choices"][0]["message"]["content"]) >= 300_000


async def test_delays_come_where_they_were_asked(url: str) -> None:
    """Before the head nothing; before the first token the head and its opening event."""
    assert await faulty(url, "delay=5000") == b"<open>"
    assert events(await faulty(url, "first=5000")) == 1
    assert events(await faulty(url, "pace=5000")) == 2


async def test_a_slow_stream_ends_when_its_client_leaves(url: str) -> None:
    """And the books say that it was not delivered whole."""
    await faulty(url, "pace=5000")
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        entries: list[dict[str, Any]] = []
        while not entries:
            entries = (await client.get("/sandbox/books?ids=1")).json()["entries"]
    assert [entry["whole"] for entry in entries] == [False]
