"""HTTP on the sandbox's own connection."""

import json

import pytest

from sandbox.raw import HELLO, connect, exchange, get, post

PLAIN = HELLO | {"stream": False}


async def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    """Also when a slow stream stands between quick answers."""
    slow = HELLO | {"model": "sandbox:delay=50", "messages": [{"role": "user", "content": "Second"}]}
    third = PLAIN | {"messages": [{"role": "user", "content": "Third"}]}
    received = await exchange(url, post(PLAIN) + post(slow) + post(third))
    places = [received.find(word) for word in (b"Hello", b"Second", b"Third")]
    assert places == sorted(places)
    assert min(places) > 0
    assert received.count(b"HTTP/1.1 200 OK") == 3


async def test_a_body_may_come_in_chunks_and_after_leave(url: str) -> None:
    """`Expect: 100-continue` and chunked transfer, byte by byte."""
    content = json.dumps(PLAIN).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\n"
    head += b"expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
    reader, writer = await connect(url)
    writer.write(head)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    for i in range(0, len(content), 10):
        piece = content[i : i + 10]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
    writer.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_connection_is_closed_when_the_client_wants_it(url: str, stream: bool) -> None:
    """After the whole answer."""
    received = await exchange(url, post(PLAIN | {"stream": stream}, headers="connection: close\r\n"))
    assert b"connection: close" in received
    assert b"Hello" in received
    assert received.endswith(b"<closed>")


async def test_what_is_not_http_is_refused(url: str) -> None:
    """With a 400, and the connection is closed."""
    received = await exchange(url, b"\x16\x03\x01 hello\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 Bad Request")
    assert received.endswith(b"<closed>")
    assert b"sandbox-mini" in await exchange(url, get("/v1/models"))


async def test_a_client_that_leaves_in_its_request_does_no_harm(url: str) -> None:
    """Half a body, then gone."""
    _, writer = await connect(url)
    writer.write(post(PLAIN)[:-10])
    writer.close()
    await writer.wait_closed()
    assert b"sandbox-mini" in await exchange(url, get("/v1/models"))
