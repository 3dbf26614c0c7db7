"""What a provider is: an address, a way to show a credential, and the protocols it speaks. A frozen row of data."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Quirks

AuthScheme = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where one protocol is spoken: `path` is appended to the channel's base URL. `{model}` in it is the upstream
    model, `stream_path` is used instead for streamed calls where the vendor has a separate one."""

    path: str
    stream_path: str | None = None
    auth: AuthScheme = "bearer"
    headers: tuple[tuple[str, str], ...] = ()
    quirks: Quirks = Quirks()


class ModelRule(Struct, frozen=True, kw_only=True):
    """Quirks of models whose upstream name starts with `prefix`; the first rule that fits is used."""

    prefix: str
    quirks: Quirks


class Provider(Struct, frozen=True, kw_only=True):
    """A company or service that serves models.

    Attributes:
        name: the word in the configuration file.
        base_url: as the vendor's own SDK takes it, without a trailing slash; empty where the operator must give one.
        endpoints: by protocol, the provider's own first.
        rules: per protocol, quirks of some of its models.
        catalogue: the provider's id in the price data set; None where it has none.
        embedded: the gateway runs one itself for channels that give no address.
    """

    name: str
    title: str
    base_url: str
    endpoints: Mapping[ProtocolName, Endpoint]
    rules: Mapping[ProtocolName, tuple[ModelRule, ...]] = {}
    catalogue: str | None = None
    embedded: bool = False

    def speaks(self, wanted: ProtocolName) -> ProtocolName:
        """The protocol to use for a caller of protocol `wanted`: the caller's own when the provider speaks it."""
        return wanted if wanted in self.endpoints else next(iter(self.endpoints))

    def quirks(self, protocol: ProtocolName, upstream_model: str) -> Quirks:
        """How this provider's `upstream_model` wants `protocol` spoken."""
        for rule in self.rules.get(protocol, ()):
            if upstream_model.startswith(rule.prefix):
                return rule.quirks
        return self.endpoints[protocol].quirks


def with_quirks(endpoint: Endpoint, **changes: object) -> Endpoint:
    """The endpoint with some quirks changed."""
    return replace(endpoint, quirks=replace(endpoint.quirks, **changes))
