"""What callers should not send: each gets a clear error with its id, pays nothing, and breaks nothing."""

import gzip
import json

import httpx
import pytest

from acceptance.gateway import KEY, Gateway, House, Peer, ask

GRANTED = 100_000_000_000
GOOD = ask("it")


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def with_(**members: object) -> bytes:
    return json.dumps(GOOD | members).encode()


BODIES: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "half of an object": (b'{"model": "it", "messages": [', None),
    "two objects": (json.dumps(GOOD).encode() * 2, None),
    "a list": (b"[]", None),
    "a text": (b'"hello"', None),
    "null": (b"null", None),
    "not UTF-8": (b'{"model": "\xff\xfe", "messages": []}', None),
    "a form": (b"model=it&messages=hello", None),
    "nested too deep": (b'{"model":"it","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    "no model": (without("model"), "model"),
    "a number as model": (with_(model=5), "model"),
    "null as model": (with_(model=None), "model"),
    "an empty model": (with_(model=""), "model"),
    "no messages": (without("messages"), "messages"),
    "empty messages": (with_(messages=[]), "messages"),
    "a text as messages": (with_(messages="hello"), "messages"),
    "a number as message": (with_(messages=[5]), None),
    "a message without a role": (with_(messages=[{"content": "hello"}]), None),
    "a number as content": (with_(messages=[{"role": "user", "content": 5}]), None),
    "n of zero": (with_(n=0), "n"),
    "n of a million": (with_(n=1_000_000), "n"),
    "a text as n": (with_(n="two"), "n"),
    "a negative limit": (with_(max_tokens=-1), "max_tokens"),
    "a limit beyond every integer": (with_(max_tokens=10**30), "max_tokens"),
    "a text as limit": (with_(max_tokens="many"), "max_tokens"),
    "a text as stream": (with_(stream="yes"), "stream"),
}


@pytest.fixture
async def gateway(house: House) -> Gateway:
    """A gateway that takes bodies of a megabyte."""
    return await house.open([house.channel("one", {"it": "sandbox"})], settings={"max_body_bytes": 1_000_000})


async def check_refused(house: House, answer: httpx.Response, status: int) -> dict[str, object]:
    """An error in OpenAI's form with its id, and nothing charged; returns the error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"] in error["message"]
    assert error["type"]
    assert error["code"]
    assert await house.balance() == GRANTED
    assert house.sandbox.house.books.written == 0
    return dict(error)


@pytest.mark.parametrize(("body", "param"), BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_no_request_is_a_400_and_the_connection_goes_on(
    house: House, gateway: Gateway, body: bytes, param: str | None
) -> None:
    """The error names the member that is wrong; the next call on the same connection is answered."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"authorization": f"Bearer {KEY}"}, limits=limits
    ) as one:
        error = await check_refused(house, await one.post("/v1/chat/completions", content=body), 400)
        assert error["type"] == "invalid_request_error"
        assert param is None or error["param"] == param
        assert (await one.post("/v1/chat/completions", json=GOOD)).status_code == 200


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"this is not gzip", 400),
        ("gzip", gzip.compress(json.dumps(GOOD).encode())[:-9], 400),
        ("gzip", gzip.compress(b" " * 50_000_000), 413),
        ("snappy", b"whatever", 415),
        ("gzip, gzip, gzip, gzip", b"whatever", 415),
    ],
    ids=["broken", "cut short", "bomb", "unknown", "nested"],
)
async def test_a_compressed_body_is_bounded_and_checked(
    house: House, gateway: Gateway, encoding: str, body: bytes, status: int
) -> None:
    """What does not unpack, or unpacks to too much, is refused; a proper one is taken."""
    client = await gateway.http()
    headers = {"content-encoding": encoding}
    await check_refused(house, await client.post("/v1/chat/completions", content=body, headers=headers), status)
    packed = gzip.compress(json.dumps(GOOD).encode())
    good = await client.post("/v1/chat/completions", content=packed, headers={"content-encoding": "gzip"})
    assert good.status_code == 200


async def test_a_body_beyond_the_limit_is_a_413(house: House, gateway: Gateway) -> None:
    """Announced or not: by its length at once, in chunks as soon as it is too much."""
    client = await gateway.http()
    large = with_(padding="x" * 1_100_000)
    await check_refused(house, await client.post("/v1/chat/completions", content=large), 413)

    async def pieces() -> object:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    answer = await client.post("/v1/chat/completions", content=pieces())  # type: ignore[arg-type]
    await check_refused(house, answer, 413)
    assert (await client.post("/v1/chat/completions", json=GOOD)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer sk-unknown-0123456789abcdef"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"x-api-key": "' OR 1=1 --"},
        {"authorization": "Bearer " + "k" * 20_000},
    ],
)
async def test_wrong_credentials_are_a_401(house: House, gateway: Gateway, headers: dict[str, str]) -> None:
    """Whatever is sent for a key; the body is not even looked at, and the key is not repeated."""
    client = await gateway.client(key=None)
    answer = await client.post("/v1/chat/completions", content=b"{", headers=headers)
    error = await check_refused(house, answer, 401)
    assert error["type"] == "authentication_error"
    assert KEY[:20] not in answer.text
    assert await house.receipts() == []


@pytest.mark.parametrize("name", ["it\r\nx-evil: 1", "it\x00", "it/../../admin", "it" * 50_000, "漢字", "{}", "%0d%0a"])
async def test_a_model_name_cannot_break_out(house: House, gateway: Gateway, name: str) -> None:
    """A name is looked up and nothing else: no header, no path, no megabyte in the answer."""
    answer = await gateway.chat(name)
    error = await check_refused(house, answer, 404)
    assert error["code"] == "model_not_found"
    assert "x-evil" not in answer.headers
    assert len(answer.content) < 2_000
    assert (await house.receipt(answer)).ending == "refused"


async def test_a_wrong_method_or_path_is_told_so(house: House, gateway: Gateway) -> None:
    """405 names what is allowed; a path that does not exist is 404; both in OpenAI's form with an id."""
    client = await gateway.http()
    wrong = await client.get("/v1/chat/completions")
    await check_refused(house, wrong, 405)
    assert wrong.headers["allow"] == "POST"
    await check_refused(house, await client.post("/v1/nothing/here", json=GOOD), 404)


async def test_a_body_that_never_ends_is_a_408(house: House) -> None:
    """A sender that stops in the middle of its body is told and let go; others are not kept waiting."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})], settings={"body_timeout_s": 0.3})
    peer = await Peer.to(gateway.url)
    await peer.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-length: 500\r\n\r\n{"
        % KEY.encode()
    )
    assert (await gateway.chat("it")).status_code == 200
    told = await peer.rest()
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"x-request-id: " in told
    assert len(await house.receipts()) == 1


async def test_a_sender_that_hangs_up_in_its_body_leaves_no_trace(house: House, gateway: Gateway) -> None:
    """Half a request is no call: no receipt, no hold."""
    for _ in range(20):
        peer = await Peer.to(gateway.url)
        await peer.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{")
        await peer.close()
    assert (await gateway.chat("it")).status_code == 200
    assert len(await house.receipts()) == 1
    assert gateway.held_nano() == 0
