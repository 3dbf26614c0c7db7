"""Access tokens for a Google service account, fetched before they are needed.

The account's key signs a statement, which Google exchanges for a token of an hour
(https://developers.google.com/identity/protocols/oauth2/service-account). A token is renewed in the
background while the old one still serves; a call waits only where there is none.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable

import httpx
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from headgate.canonical.failure import Blame, Failure, Kind
from headgate.relay.unsigned import Unsigned
from headgate.relay.verdict import Verdict

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STATEMENT_S = 3600
AHEAD_S = 300.0
"""A token is renewed when it has less than this to live."""
LEAST_S = 10.0
"""A token with less than this to live is not used."""
RETRY_S = 15.0
"""After a failed renewal, how long until the next."""
PATIENCE_S = 15.0


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """What a service account's key file says."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

    def __repr__(self) -> str:
        """Without the key."""
        return f"ServiceAccount({self.client_email!r})"


class Token(Struct, frozen=True):
    """An access token, and when it ends (Unix seconds)."""

    value: str
    until: float


class _Granted(Struct):
    access_token: str
    expires_in: float = STATEMENT_S


def read_service_account(secret: str) -> ServiceAccount:
    """A key file's text.

    Raises:
        ValueError: it is none.
    """
    try:
        account = msgspec.json.decode(secret, type=ServiceAccount)
    except msgspec.MsgspecError as error:
        raise ValueError(f"the key is no service account's JSON: {error}") from None
    _private_key(account)
    return account


class GoogleSigner:
    """Adds the account's current token to requests."""

    def __init__(self, account: ServiceAccount, *, proxy: str | None, verify: bool, clock: Callable[[], float]) -> None:
        self._account = account
        self._key = _private_key(account)
        self._proxy = proxy
        self._verify = verify
        self._clock = clock
        self._token: Token | None = None
        self._renewal: asyncio.Task[Token] | None = None
        self._not_before = 0.0

    async def sign(self, head: bytes, body: bytes) -> bytes:
        """See `relay.signing.Signer`."""
        token = self._token
        left = token.until - self._clock() if token is not None else 0.0
        if token is None or left < LEAST_S:
            token = await self._renewed()
        elif left < AHEAD_S and self._clock() >= self._not_before:
            self._renew()
        return b"%bauthorization: Bearer %b\r\n" % (head, token.value.encode("latin-1"))

    def close(self) -> None:
        """Give up a renewal that is under way."""
        if self._renewal is not None:
            self._renewal.cancel()

    async def _renewed(self) -> Token:
        """Wait for a fresh token; a caller that leaves does not stop it for the others."""
        return await asyncio.shield(self._renew())

    def _renew(self) -> asyncio.Task[Token]:
        """One renewal at a time, for all who wait."""
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().create_task(self._fetch())
            self._renewal.add_done_callback(self._fetched)
        return self._renewal

    def _fetched(self, renewal: asyncio.Task[Token]) -> None:
        self._renewal = None
        if renewal.cancelled():
            return
        if renewal.exception() is None:
            self._token = renewal.result()
        else:
            self._not_before = self._clock() + RETRY_S

    async def _fetch(self) -> Token:
        form = {"grant_type": GRANT, "assertion": self._statement()}
        asked = self._clock()
        try:
            async with httpx.AsyncClient(proxy=self._proxy, verify=self._verify, timeout=PATIENCE_S) as client:
                answer = await client.post(self._account.token_uri, data=form)
        except httpx.HTTPError:
            raise Unsigned(_unreachable()) from None
        if 400 <= answer.status_code < 500 and answer.status_code != 429:
            raise Unsigned(_refused(answer.status_code))
        try:
            granted = msgspec.json.decode(answer.content, type=_Granted)
        except msgspec.MsgspecError:
            raise Unsigned(_unreachable()) from None
        return Token(granted.access_token, asked + granted.expires_in)

    def _statement(self) -> str:
        """The signed statement (RFC 7523)."""
        account, now = self._account, int(self._clock())
        header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
        claims = {
            "iss": account.client_email,
            "scope": SCOPE,
            "aud": account.token_uri,
            "iat": now,
            "exp": now + STATEMENT_S,
        }
        signed = b".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
        signature = _base64(self._key.sign(signed, PKCS1v15(), SHA256()))
        return f"{signed.decode()}.{signature.decode()}"


def _private_key(account: ServiceAccount) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the service account's private_key cannot be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the service account's private_key is no RSA key")
    return key


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _refused(status: int) -> Verdict:
    words = "The upstream channel is not available at the moment."
    failure = Failure(kind=Kind.UNAVAILABLE, message=words, blame=Blame.GATEWAY)
    return Verdict(
        failure=failure, retry=True, reason=f"token_refused_{status}", status=status, credential_at_fault=True
    )


def _unreachable() -> Verdict:
    failure = Failure(kind=Kind.UPSTREAM, message="The upstream could not be reached.", blame=Blame.UPSTREAM)
    return Verdict(failure=failure, retry=True, reason="token_not_fetched")
