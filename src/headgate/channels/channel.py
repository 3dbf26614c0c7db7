"""One configured, credentialed way to a provider, as the relay sees it: frozen, with secrets in the clear."""

from collections.abc import Mapping

from msgspec import Struct

from headgate.store.schema import Source

# A model that thinks before it answers, unstreamed, sends its first byte after minutes; the vendors' own SDKs wait as
# long by default.
CONNECT_S = 10.0
FIRST_BYTE_S = 600.0
IDLE_S = 300.0


class Channel(Struct, frozen=True, kw_only=True):
    """One route to a provider.

    Attributes:
        base_url: None for the provider's own; written as the vendor's SDK takes it.
        models: names exposed unchanged; `model_map` maps exposed names to the upstream's.
        groups: the groups whose callers may use the channel.
        priority: higher is tried first; `weight` divides calls among equals.
        idle_s: the longest silence within an answer that has begun; `total_s` bounds the whole of it.
        credentials: (id, secret) of each usable credential.
        proxy: an http, https or socks5 URL.
        headers: sent with every request, over the provider's own.
    """

    id: int
    name: str
    provider: str
    base_url: str | None = None
    models: tuple[str, ...] = ()
    model_map: Mapping[str, str] = {}
    groups: tuple[str, ...] = ("default",)
    priority: int = 0
    weight: int = 1
    connect_s: float = CONNECT_S
    first_byte_s: float = FIRST_BYTE_S
    idle_s: float = IDLE_S
    total_s: float | None = None
    proxy: str | None = None
    headers: Mapping[str, str] = {}
    credentials: tuple[tuple[int, str], ...] = ()
    enabled: bool = True
    source: Source = "console"
    tags: tuple[str, ...] = ()
    verify_tls: bool = True

    def __repr__(self) -> str:
        """Without the secrets, which would otherwise reach a log or a traceback."""
        return f"Channel(id={self.id}, name={self.name!r}, provider={self.provider!r})"
