"""Showing a credential that is no plain header: Google's short-lived tokens and AWS's signatures.

A `Signer` adds to the head of a request what proves who sends it. Signers outlive snapshots, since what they have
fetched does not change with the configuration. Channels whose key is a plain header have none and pay nothing.
"""

import re
import time
from collections.abc import Callable
from typing import Protocol as Interface

from headgate.channels.channel import Channel
from headgate.providers.provider import AuthScheme
from headgate.relay.aws_signature import AwsSigner, read_aws_keys
from headgate.relay.google_tokens import GoogleSigner, read_service_account
from headgate.upstream.origin import Origin


class Signer(Interface):
    """Shows one credential."""

    async def sign(self, head: bytes, body: bytes) -> bytes:
        """The head of a request with its proof added.

        Raises:
            Unsigned: it cannot be had now.
        """
        ...

    def close(self) -> None:
        """Give up what runs in the background."""
        ...


class Signers:
    """The signers of one worker.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._signers: dict[tuple[str, str, str | None, bool, str], Signer] = {}

    def find(self, auth: AuthScheme, channel: Channel, secret: str, origin: Origin) -> Signer | None:
        """The signer for a credential; None where a header will do.

        Raises:
            ValueError: the credential is not what the scheme takes.
        """
        if plain_header(auth, secret) is not None:
            return None
        place = _aws_place(origin.host) if auth == "aws" else ""
        key = (auth, secret, channel.proxy, channel.verify_tls, place)
        signer = self._signers.get(key)
        if signer is None:
            signer = self._make(channel, secret, place)
            self._signers[key] = signer
        return signer

    def close(self) -> None:
        """Give up what runs in the background."""
        for signer in self._signers.values():
            signer.close()

    def _make(self, channel: Channel, secret: str, place: str) -> Signer:
        if place:
            service, _, region = place.partition(" ")
            return AwsSigner(read_aws_keys(secret), service=service, region=region, clock=self._clock)
        account = read_service_account(secret)
        return GoogleSigner(account, proxy=channel.proxy, verify=channel.verify_tls, clock=self._clock)


def plain_header(auth: AuthScheme, secret: str) -> tuple[str, str] | None:
    """The header that shows a credential; None where it takes a signer. An empty secret shows nothing: ("", "")."""
    match auth if secret else "none":
        case "bearer":
            return "authorization", f"Bearer {secret}"
        case "x-api-key" | "x-goog-api-key" | "api-key" as name:
            return name, secret
        case "google" if not secret.lstrip().startswith("{"):
            # Vertex AI's express mode: an API key.
            return "x-goog-api-key", secret
        case "aws" if ":" not in secret:
            # Bedrock's API keys: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html.
            return "authorization", f"Bearer {secret}"
        case "google" | "aws":
            return None
        case _:
            return "", ""


_AWS_HOST = re.compile(r"^(bedrock-runtime|bedrock-mantle)(?:-fips)?\.([a-z0-9-]+)\.")
# Bedrock's runtime is signed for under a name of its own: https://docs.aws.amazon.com/bedrock/latest/userguide/
# security-iam.html; Mantle under its own (the SDK's `DEFAULT_SERVICE_NAME`, anthropic 0.8x).
_SERVICES = {"bedrock-runtime": "bedrock", "bedrock-mantle": "bedrock-mantle"}


def _aws_place(host: str) -> str:
    """Service and region to sign for, as the host's name says them."""
    found = _AWS_HOST.match(host)
    if found is None:
        raise ValueError(f"cannot tell the AWS region of {host!r}; use the service's own address, or an API key")
    return f"{_SERVICES[found[1]]} {found[2]}"
