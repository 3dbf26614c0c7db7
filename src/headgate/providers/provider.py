"""What a provider is: an address, a way to show a credential, and the protocols it speaks. A frozen row of data."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.parts import Json, ProtocolName
from headgate.canonical.quirks import Quirks

AuthScheme = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "google", "aws", "none"]
"""How a credential is shown. `google` (a service account's key, exchanged for short-lived tokens) and `aws` (a
signature over each request) need doing at run time: see `relay.signing`. The others are a header."""


class Reshape(Struct, frozen=True, kw_only=True):
    """What a cloud wants changed in a body of somebody else's protocol: the model stands in the path there, the
    protocol's version in the body."""

    removes: tuple[str, ...] = ()
    sets: tuple[tuple[str, Json], ...] = ()
    betas_to: str | None = None
    """The member that takes the caller's `anthropic-beta` header, where headers do not get through."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where one protocol is spoken.

    Attributes:
        path: appended to the provider's root (see `Provider.root`). `{model}` in it is the upstream model.
        stream_path: used instead for streamed calls where the vendor has a separate one.
        count_path: where tokens can be counted free of charge; None where there is no such call.
        headers: sent with every request.
        reshape: what is changed in every body; None for nothing.
        aws_stream: streams come as an AWS event stream that carries the protocol's events.
    """

    path: str
    stream_path: str | None = None
    count_path: str | None = None
    auth: AuthScheme = "bearer"
    headers: tuple[tuple[str, str], ...] = ()
    quirks: Quirks = Quirks()
    reshape: Reshape | None = None
    aws_stream: bool = False


class ModelRule(Struct, frozen=True, kw_only=True):
    """What is peculiar about models whose upstream name begins with `prefix`, in any case, after any `vendor/`,
    `region.vendor.` or `ft:` in front of it."""

    prefix: str
    changes: Mapping[str, Any]

    def fits(self, upstream_model: str) -> bool:
        """Whether the rule speaks of this model."""
        return re.search(rf"(?:^|[./:]){re.escape(self.prefix)}", upstream_model, re.IGNORECASE) is not None


class Spoken(Struct, frozen=True, kw_only=True):
    """Which protocols are spoken to models whose upstream name matches `pattern`, the best first."""

    pattern: str
    protocols: tuple[ProtocolName, ...]


class Provider(Struct, frozen=True, kw_only=True):
    """A company or service that serves models.

    Attributes:
        name: the word in the configuration file.
        base_url: the default address; empty where the operator must give one. `{project}` in it is the project of a
            service account.
        endings: what the vendor's SDKs want a base URL to end in, whichever of them an operator has copied it from. The
            first that fits is taken off, and every endpoint's path is counted from what is left. A provider that has
            none takes any base URL as it is.
        endpoints: by protocol, the provider's own first.
        spoken: where not every model speaks every protocol; the first row that fits counts, and a model that fits none
            speaks all.
        rules: per protocol, the peculiarities of some of its models; the first rule that fits counts.
        catalogue: the provider's id in the price data set; None where it has none.
        embedded: the gateway runs one itself for channels that give no address.
    """

    name: str
    title: str
    base_url: str
    endpoints: Mapping[ProtocolName, Endpoint]
    endings: tuple[str, ...] = ()
    spoken: tuple[Spoken, ...] = ()
    rules: Mapping[ProtocolName, tuple[ModelRule, ...]] = {}
    catalogue: str | None = None
    embedded: bool = False

    def root(self, base_url: str | None) -> str:
        """The address that endpoints' paths are appended to, for a channel's base URL or the provider's own."""
        address = (base_url or self.base_url).rstrip("/")
        ending = next((ending for ending in self.endings if address.endswith(ending)), "")
        return address.removesuffix(ending)

    def protocols(self, upstream_model: str) -> tuple[ProtocolName, ...]:
        """The protocols in which this model can be asked, the best first."""
        for row in self.spoken:
            if re.search(row.pattern, upstream_model, re.IGNORECASE):
                return row.protocols
        return tuple(self.endpoints)

    def speaks(self, wanted: ProtocolName, upstream_model: str, *, search: bool = False) -> ProtocolName:
        """The protocol to use for a caller of protocol `wanted`: the caller's own when the model speaks it; else its
        best, or with `search` the best in which it can search the web."""
        spoken = self.protocols(upstream_model)
        if wanted in spoken:
            return wanted
        if search:
            able = [each for each in spoken if self.quirks(each, upstream_model).web_search != "none"]
            return able[0] if able else spoken[0]
        return spoken[0]

    def quirks(self, protocol: ProtocolName, upstream_model: str) -> Quirks:
        """How this provider's `upstream_model` wants `protocol` spoken."""
        quirks = self.endpoints[protocol].quirks
        rule = next((rule for rule in self.rules.get(protocol, ()) if rule.fits(upstream_model)), None)
        return quirks if rule is None else replace(quirks, **rule.changes)
