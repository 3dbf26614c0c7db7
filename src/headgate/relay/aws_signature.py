"""AWS Signature Version 4, by AWS's own library.

The library is native and takes 10 MB, so it is loaded when a channel first needs it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import import_module
from typing import Any

from msgspec import Struct


class AwsKeys(Struct, frozen=True, kw_only=True):
    """An access key. `session_token` belongs to temporary ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"AwsKeys({self.access_key_id!r})"


def read_aws_keys(secret: str) -> AwsKeys:
    """`ACCESS_KEY_ID:SECRET_ACCESS_KEY`, or with `:SESSION_TOKEN` after it.

    Raises:
        ValueError: it is neither.
    """
    parts = secret.strip().split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise ValueError("AWS keys are written ACCESS_KEY_ID:SECRET_ACCESS_KEY or with :SESSION_TOKEN after them")
    return AwsKeys(
        access_key_id=parts[0], secret_access_key=parts[1], session_token=parts[2] if len(parts) == 3 else None
    )


class AwsSigner:
    """Signs requests to one service in one region.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, keys: AwsKeys, *, service: str, region: str, clock: Callable[[], float]) -> None:
        self._auth, self._http = _library()
        self._provider = self._auth.AwsCredentialsProvider.new_static(
            keys.access_key_id, keys.secret_access_key, keys.session_token
        )
        self._service = service
        self._region = region
        self._clock = clock

    async def sign(self, head: bytes, body: bytes) -> bytes:
        """See `relay.signing.Signer`. Takes some ten microseconds and waits for nothing: static keys are signed with
        at once."""
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        host = next(line[6:] for line in lines if line.startswith("host: "))
        request = self._http.HttpRequest(method, path, self._http.HttpHeaders([("host", host)]))
        self._auth.aws_sign_request(request, self._config(body)).result()
        added = [f"{name.lower()}: {value}\r\n" for name, value in request.headers if name != "host"]
        return head + "".join(added).encode("latin-1")

    def close(self) -> None:
        """There is nothing to give up."""

    def _config(self, body: bytes) -> Any:
        auth = self._auth
        return auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._provider,
            region=self._region,
            service=self._service,
            date=datetime.fromtimestamp(self._clock(), UTC),
            signed_body_value=sha256(body).hexdigest(),
        )


@cache
def _library() -> tuple[Any, Any]:
    return import_module("awscrt.auth"), import_module("awscrt.http")
