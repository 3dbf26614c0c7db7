"""One connection on a scripted network: every way an answer can arrive, or fail to."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.line import Wire, at_once
from fakes.peer import ok
from headgate.upstream import (
    Answer,
    Broken,
    FirstByteTimedOut,
    IdleTimedOut,
    ProtocolError,
    Timeouts,
    UpstreamError,
)
from headgate.upstream.connection import QUIET_LIMIT, Stale

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "length": (ok(b"hello world"), b"hello world"),
    "chunked": (CHUNKED + b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n", b"hello world"),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok(b"hello"), b"hello"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "empty": (ok(b""), b""),
}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def wire(loop: asyncio.AbstractEventLoop) -> Wire:
    return Wire(loop)


def failure_of(waiter: asyncio.Future[Answer]) -> BaseException:
    """What the exchange failed with, before or after its head."""
    error = waiter.exception()
    if error is None:
        try:
            at_once(waiter.result().read(1 << 20))
        except UpstreamError as raised:
            return raised
    assert error is not None
    return error


def test_request_is_written_whole_with_its_length(wire: Wire) -> None:
    """Head, content-length, blank line and body go out in one write."""
    wire.ask(body=b"{}")
    assert wire.transport.written == b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("method", "added"), [(b"GET", b"\r\n"), (b"HEAD", b"\r\n"), (b"POST", b"content-length: 0\r\n\r\n")]
)
def test_empty_body_is_announced_only_where_one_is_expected(wire: Wire, method: bytes, added: bytes) -> None:
    """GET and HEAD have no body to speak of; POST says that it is empty."""
    wire.ask(method + b" / HTTP/1.1\r\n", b"")
    assert wire.transport.written == method + b" / HTTP/1.1\r\n" + added


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_in_one_packet_is_read_without_waiting(wire: Wire, name: str) -> None:
    """The head resolves the future once, the body is there, and the connection is free before anyone reads."""
    raw, body = ANSWERS[name]
    waiter = wire.ask()
    wire.receive(raw)
    assert waiter.result().complete
    assert wire.free == 1
    assert at_once(waiter.result().read(100)) == body


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_cut_at_every_byte_reads_the_same(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Where the network cuts makes no difference."""
    raw, body = ANSWERS[name]
    for cut in range(1, len(raw)):
        wire = Wire(loop)
        waiter = wire.ask()
        wire.receive(raw[:cut], raw[cut:])
        assert at_once(waiter.result().read(100)) == body
        assert wire.free == 1
    wire = Wire(loop)
    waiter = wire.ask()
    wire.receive(*(raw[i : i + 1] for i in range(len(raw))))
    assert at_once(waiter.result().read(100)) == body


@pytest.mark.parametrize("name", ["length", "chunked", "interim"])
def test_answer_lost_at_any_byte_is_broken(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """No truncated answer passes for a whole one, and the error says whether anything had come."""
    raw, _ = ANSWERS[name]
    for cut in range(len(raw)):
        wire = Wire(loop)
        waiter = wire.ask()
        wire.receive(raw[:cut])
        wire.lose()
        error = failure_of(waiter)
        assert isinstance(error, Broken)
        assert error.received is (cut > 0)
        assert (wire.free, wire.gone) == (0, 1)


def test_headers_are_kept_in_order_with_lower_case_names(wire: Wire) -> None:
    """Values stay as they came; trailers are not headers."""
    waiter = wire.ask()
    wire.receive(CHUNKED[:-2] + b"X-One: A\r\nx-one: B\r\n\r\n0\r\nX-Late: 1\r\n\r\n")
    answer = waiter.result()
    assert answer.headers[1:] == [(b"x-one", b"A"), (b"x-one", b"B")]
    assert (answer.header(b"x-one"), answer.header(b"x-late")) == (b"A", None)


def test_body_until_close_ends_with_the_connection(wire: Wire) -> None:
    """Without length or chunks the end of the connection is the end of the body."""
    waiter = wire.ask()
    wire.receive(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")
    assert not waiter.result().complete
    wire.lose()
    assert at_once(waiter.result().read(100)) == b"hello"
    assert wire.free == 0


def test_body_until_close_that_ends_in_an_error_is_broken(wire: Wire) -> None:
    """A reset is no ending."""
    waiter = wire.ask()
    wire.receive(b"HTTP/1.1 200 OK\r\n\r\nhel")
    wire.lose(ConnectionResetError("reset"))
    assert isinstance(failure_of(waiter), Broken)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        ok(b"hi") + b"H",
        ok(b"hi") + ok(b"another"),
        ok(b"hi") + b"\0garbage",
    ],
)
def test_connection_that_cannot_be_trusted_again_is_closed(wire: Wire, raw: bytes) -> None:
    """The answer is good, its connection is not kept: asked to close, old, or more was sent than we asked for."""
    waiter = wire.ask()
    wire.receive(raw)
    assert at_once(waiter.result().read(100)) == b"hi"
    assert wire.transport.closed
    assert wire.free == 0


def test_answer_before_the_request_is_sent_closes_after_it(wire: Wire) -> None:
    """What is still unsent would reach the peer as the start of the next request."""
    wire.transport.unsent = 10
    waiter = wire.ask()
    wire.receive(ok())
    assert at_once(waiter.result().read(100)) == b"hello"
    assert wire.transport.closed


def test_answer_to_head_has_no_body(wire: Wire) -> None:
    """Its content-length speaks of a body that does not come."""
    waiter = wire.ask(b"HEAD / HTTP/1.1\r\n", b"")
    wire.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    assert at_once(waiter.result().read(100)) == b""
    assert wire.transport.closed


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
        CHUNKED + b"zz\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: quantum\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * QUIET_LIMIT,
        CHUNKED + b"0\r\nX: " + b"a" * QUIET_LIMIT,
        b"HTTP/1.1 100 Continue\r\n\r\n" * (QUIET_LIMIT // 25 + 1),
    ],
)
def test_answer_that_is_not_proper_http_is_refused(wire: Wire, raw: bytes) -> None:
    """Conflicts, nonsense and endless heads drop the connection."""
    waiter = wire.ask()
    wire.receive(raw)
    assert isinstance(failure_of(waiter), ProtocolError)
    assert wire.transport.closed


def test_kept_connection_that_dies_before_a_byte_is_stale(wire: Wire) -> None:
    """Stale tells the client to try once more; on a first exchange the same loss is an error."""
    wire.ask()
    wire.receive(ok())
    waiter = wire.ask()
    wire.lose(ConnectionResetError())
    assert isinstance(waiter.exception(), Stale)


def test_kept_connection_that_dies_after_a_byte_is_broken(wire: Wire) -> None:
    """The upstream has begun to answer: it may have done the work."""
    wire.ask()
    wire.receive(ok())
    waiter = wire.ask()
    wire.receive(b"H")
    wire.lose()
    assert isinstance(waiter.exception(), Broken)


def test_bytes_while_free_close_the_connection(wire: Wire) -> None:
    """An answer nobody asked for must not meet the next request."""
    wire.ask()
    wire.receive(ok())
    wire.receive(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert wire.transport.closed


def test_first_byte_time_out_is_not_extended_by_dribbling(wire: Wire) -> None:
    """Only the whole head stops its clock; the error says that something had come."""
    waiter = wire.ask(timeouts=Timeouts(first_byte_s=5))
    assert not wire.connection.overdue(100)
    wire.receive(b"HTTP/1.1 ")
    assert not wire.connection.overdue(105)
    assert wire.connection.overdue(105.1)
    wire.connection.expire()
    error = waiter.exception()
    assert isinstance(error, FirstByteTimedOut)
    assert error.received


def test_idle_time_out_runs_between_pieces(wire: Wire) -> None:
    """Each piece starts it afresh; silence ends the answer."""
    waiter = wire.ask(timeouts=Timeouts(idle_s=5))
    wire.receive(CHUNKED)
    for now in (10, 14, 18):
        wire.receive(b"1\r\nx\r\n")
        assert not wire.connection.overdue(now)
    assert wire.connection.overdue(24)
    wire.connection.expire()
    assert isinstance(failure_of(waiter), IdleTimedOut)
    assert wire.transport.closed


def test_time_during_which_the_reader_pauses_does_not_count(wire: Wire) -> None:
    """The upstream is not to blame for our own side's slowness."""
    waiter = wire.ask(timeouts=Timeouts(idle_s=5))
    wire.receive(CHUNKED)
    waiter.result().pause()
    assert not any(wire.connection.overdue(now) for now in range(0, 1000, 100))
    waiter.result().resume()
    assert not wire.connection.overdue(1000)
    assert wire.connection.overdue(1006)


def test_free_connection_grows_old(wire: Wire) -> None:
    """After its idle lifetime it is closed, quietly."""
    wire.ask()
    wire.receive(ok())
    assert not wire.connection.overdue(0)
    assert not wire.connection.overdue(30)
    assert wire.connection.overdue(30.1)
    wire.connection.expire()
    assert wire.transport.closed


def test_connection_paused_by_its_last_piece_is_freed_reading(wire: Wire) -> None:
    """Back-pressure of one answer must not outlive it."""
    waiter = wire.ask()
    wire.receive(CHUNKED)
    answer = waiter.result()
    reading = answer.pipe(lambda _: answer.pause())
    with pytest.raises(RuntimeError, match="no running event loop"):
        reading.send(None)
    wire.receive(b"1\r\nx\r\n0\r\n\r\n")
    assert wire.free == 1
    assert wire.transport.reading


def test_body_nobody_reads_is_bounded(wire: Wire) -> None:
    """The socket is left alone once enough is kept, and the idle time-out goes on running."""
    waiter = wire.ask(timeouts=Timeouts(idle_s=5))
    wire.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", b"x" * 100_000)
    assert not waiter.result().complete
    assert not wire.transport.reading
    assert not wire.connection.overdue(0)
    assert wire.connection.overdue(6)


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"HTTP/1.1 200 OK\r\n",
                    b"HTTP/1.1 100 Continue\r\n\r\n",
                    b"Content-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Connection: close\r\n",
                    b"\r\n",
                    b"5\r\nhello\r\n",
                    b"0\r\n\r\n",
                    b"hello",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_any_bytes_end_in_an_answer_or_an_upstream_error(pieces: list[bytes]) -> None:
    """Whatever arrives, nothing hangs and nothing foreign is raised once the connection is gone."""
    loop = asyncio.new_event_loop()
    try:
        wire = Wire(loop)
        waiter = wire.ask()
        wire.receive(*pieces)
        wire.lose()
        error = waiter.exception()
        if error is None:
            try:
                at_once(waiter.result().read(1 << 20))
            except UpstreamError as raised:
                error = raised
        assert error is None or isinstance(error, UpstreamError)
        assert wire.gone == 1
    finally:
        loop.close()
