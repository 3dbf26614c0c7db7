"""Tokens for Google's service accounts."""

import asyncio
import json
from base64 import urlsafe_b64decode
from functools import cache
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fakes.peer import Peer, ok, peer, reply
from headgate.relay.google_tokens import AHEAD_S, GoogleSigner, read_service_account
from headgate.relay.unsigned import Unsigned


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def key_file(port: int = 1) -> str:
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "k1",
            "private_key": pem,
            "client_email": "gate@acme.example",
            "token_uri": f"http://127.0.0.1:{port}/token",
        }
    )


def granted(token: str) -> bytes:
    return ok(json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).encode())


def signer(it: Peer, clock: Clock) -> GoogleSigner:
    return GoogleSigner(read_service_account(key_file(it.port)), proxy=None, verify=True, clock=clock)


async def test_a_signed_statement_is_exchanged_for_a_token() -> None:
    """The statement names the account, its scope and its end, and bears the account's signature."""
    async with peer(reply(granted("t1"))) as it:
        head = await signer(it, Clock()).sign(b"POST / HTTP/1.1\r\n", b"")
    assert head == b"POST / HTTP/1.1\r\nauthorization: Bearer t1\r\n"
    ((line, _, body),) = it.requests
    assert line == "POST /token"
    form = parse_qs(body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    signed, _, signature = form["assertion"][0].rpartition(".")
    key().public_key().verify(_bytes(signature), signed.encode(), PKCS1v15(), SHA256())
    header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("gate@acme.example", 3600)
    assert claims["aud"] == f"http://127.0.0.1:{it.port}/token"


async def test_a_token_serves_many_calls_and_is_asked_for_once() -> None:
    """Also when they come at the same moment."""
    async with peer(reply(granted("t1"))) as it:
        signs = signer(it, Clock())
        heads = await asyncio.gather(*(signs.sign(b"", b"") for _ in range(5)))
        heads.append(await signs.sign(b"", b""))
    assert set(heads) == {b"authorization: Bearer t1\r\n"}
    assert len(it.requests) == 1


async def test_it_is_renewed_before_it_ends_without_a_wait() -> None:
    """The old one serves until the new one is there."""
    clock = Clock()
    async with peer(reply(granted("t1")), reply(granted("t2"))) as it:
        signs = signer(it, clock)
        await signs.sign(b"", b"")
        clock.now += 3600 - AHEAD_S + 1
        assert await signs.sign(b"", b"") == b"authorization: Bearer t1\r\n"
        while await signs.sign(b"", b"") == b"authorization: Bearer t1\r\n":
            await asyncio.sleep(0.005)
        assert await signs.sign(b"", b"") == b"authorization: Bearer t2\r\n"
    assert len(it.requests) == 2


async def test_a_failed_renewal_leaves_the_old_token_in_use() -> None:
    """And is not tried again at once."""
    clock = Clock()
    async with peer(reply(granted("t1")), reply(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as it:
        signs = signer(it, clock)
        await signs.sign(b"", b"")
        clock.now += 3600 - AHEAD_S + 1
        while len(it.requests) < 2:
            assert await signs.sign(b"", b"") == b"authorization: Bearer t1\r\n"
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert await signs.sign(b"", b"") == b"authorization: Bearer t1\r\n"
        assert len(it.requests) == 2


@pytest.mark.parametrize(("status", "at_fault"), [(400, True), (401, True), (429, False), (503, False)])
async def test_a_refused_account_is_the_credentials_fault(status: int, at_fault: bool) -> None:
    """And an exchange that is out of order is not."""
    refusal = b'HTTP/1.1 %d No\r\nContent-Length: 25\r\n\r\n{"error":"invalid_grant"}' % status
    async with peer(reply(refusal)) as it:
        with pytest.raises(Unsigned) as caught:
            await signer(it, Clock()).sign(b"", b"")
    assert caught.value.verdict.retry
    assert caught.value.verdict.credential_at_fault is at_fault


@pytest.mark.parametrize("wrong", ["{}", "no json", '{"project_id":"p","client_email":"c","private_key":"nothing"}'])
def test_what_is_no_key_file_is_refused(wrong: str) -> None:
    """When the channel is set up, not at the first call of the night."""
    with pytest.raises(ValueError, match=r"service account"):
        read_service_account(wrong)


def test_the_key_is_not_shown() -> None:
    """Not in a log, not in a traceback."""
    assert "PRIVATE" not in repr(read_service_account(key_file()))


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
