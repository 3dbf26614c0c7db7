"""Whatever bytes arrive at the port: the process lives, says valid HTTP or closes, and serves the next caller."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httptools
import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acceptance.gateway import KEY, ask, channel, configuration
from acceptance.process import Process, running

BODY = json.dumps(ask("it")).encode()
VALID = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (KEY.encode(), len(BODY), BODY)
)
CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ntransfer-encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n0\r\n\r\n" % (KEY.encode(), len(BODY), BODY)
)
PAGE = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
SEEDS = [VALID, CHUNKED, PAGE, VALID + VALID, PAGE + CHUNKED, CHUNKED + PAGE + VALID]
SPICES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b":",
    b" ",
    b"chunked",
    b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n",
    b"expect: 100-continue\r\n",
    b"upgrade: websocket\r\nconnection: upgrade\r\n",
    b"connection: close\r\n",
    b"content-encoding: gzip\r\n",
    b"ffffffffffffffff\r\n",
    b"-1",
    b"HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\xff\xfe",
]
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A gateway in a process of its own, with the sandbox that it starts itself."""
    directory: Path = tmp_path_factory.mktemp("fuzz")
    own = channel("one", "", {"it": "sandbox"}) | {"provider": "sandbox"}
    del own["base_url"], own["keys"]
    with running(directory, configuration([own]), settings={"header_timeout_s": 1}) as process:
        yield process
        assert process.popen.poll() is None


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid request with pieces replaced, repeated, inserted or missing."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(SPICES), st.binary(max_size=8), st.just(data[at:to] * 2)))
        data = data[:at] + piece + data[to:]
    return data


def exchange(gateway: Process, pieces: list[bytes]) -> bytes:
    """Send pieces, then hear what comes until the other side closes or says nothing more for a moment."""
    address = httpx.URL(gateway.url)
    heard = b""
    with socket.create_connection((address.host, address.port or 80), timeout=0.05) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(TimeoutError, ConnectionError):
            for piece in pieces:
                peer.sendall(piece)
            while received := peer.recv(65_536):
                heard += received
    return heard


class Reader:
    """Collects the statuses of the answers in what was heard."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        self.statuses.append(self.parser.get_status_code())


def check(gateway: Process, heard: bytes) -> None:
    """Valid HTTP or nothing, no fault of our own, and a valid call afterwards is answered."""
    reader = Reader()
    reader.parser.feed_data(heard)
    assert all(status < 500 or status in {501, 505} for status in reader.statuses), heard
    headers = {"authorization": f"Bearer {KEY}"}
    good = httpx.post(f"{gateway.url}/v1/chat/completions", json=ask("it"), headers=headers, timeout=20)
    assert good.status_code == 200
    assert gateway.popen.poll() is None


@FUZZ
@given(data=st.binary(max_size=400))
@example(data=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(data=b"\r\n" * 100)
def test_random_bytes_do_no_harm(gateway: Process, data: bytes) -> None:
    """Noise, a TLS greeting at a plain port, empty lines."""
    check(gateway, exchange(gateway, [data]))


@FUZZ
@given(data=mutated())
def test_damaged_requests_do_no_harm(gateway: Process, data: bytes) -> None:
    """Valid requests, plain, chunked and pipelined, with bytes changed in all the wrong places."""
    check(gateway, exchange(gateway, [data]))


@FUZZ
@given(seed=st.sampled_from(SEEDS), cuts=st.lists(st.integers(0, 700), max_size=6))
def test_requests_cut_into_any_packets_are_understood(gateway: Process, seed: bytes, cuts: list[int]) -> None:
    """The same request in other packets gets the same answers."""
    edges = [0, *sorted(min(cut, len(seed)) for cut in cuts), len(seed)]
    heard = exchange(gateway, [seed[start:end] for start, end in pairwise(edges)])
    reader = Reader()
    reader.parser.feed_data(heard)
    assert reader.statuses == [200] * (seed.count(b" HTTP/1.1\r\n"))
    check(gateway, b"")


@FUZZ
@given(seed=st.sampled_from(SEEDS), length=st.integers(0, 700))
def test_requests_that_break_off_do_no_harm(gateway: Process, seed: bytes, length: int) -> None:
    """A sender that hangs up anywhere."""
    check(gateway, exchange(gateway, [seed[:length]]))
