"""Everything about the configuration that a call reads, as one immutable value per configuration.

A call takes the snapshot that is current when it arrives and keeps it to its end, so a change of configuration never
catches it half-way. What is costly to work out (a request head, a model's price) is worked out when it is first needed
and kept for the life of the snapshot.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from headgate.billing.amounts import PPM
from headgate.billing.pricebook import PriceBook
from headgate.billing.pricing import Price
from headgate.canonical.parts import ProtocolName
from headgate.channels.channel import Channel
from headgate.channels.routes import Route, RouteTable, build_routes
from headgate.providers.provider import Provider
from headgate.relay.outbound import Outbound, prepare
from headgate.relay.signing import Signers


class Way(Struct, frozen=True, kw_only=True):
    """A route with one credential, ready to be used: how to reach it, and in whose catalogue its cost stands."""

    route: Route
    credential_id: int
    outbound: Outbound
    catalogue: str | None


class Snapshot:
    """One state of the configuration.

    Args:
        channels: all channels, enabled or not.
        prices: what callers pay and what upstreams charge.
        multipliers_ppm: the price multiplier of each group, in parts per million.
        providers: the known providers, by name.
        signers: the worker's signers, which outlive snapshots.
    """

    def __init__(
        self,
        *,
        channels: Iterable[Channel],
        prices: PriceBook,
        multipliers_ppm: Mapping[str, int],
        providers: Mapping[str, Provider],
        signers: Signers | None = None,
    ) -> None:
        self._signers = signers or Signers()
        self.channels = tuple(channels)
        self.channel_names = {channel.id: channel.name for channel in self.channels}
        self.routes: RouteTable = build_routes(self.channels)
        self.prices = prices
        self._multipliers_ppm = multipliers_ppm
        self._providers = providers
        self._ways: dict[tuple[int, int, str, ProtocolName, bool], Way] = {}

    def multiplier_ppm(self, group: str) -> int:
        """The group's price multiplier; an unknown group pays the plain price."""
        return self._multipliers_ppm.get(group, PPM)

    def price(self, group: str, model: str, service_tier: str | None = None) -> Price | None:
        """What callers of the group pay for the model now: the operator's price for the name; else the catalogue's for
        what the best route really is. None where nobody knows one."""
        routes = self.routes.routes(group, model)
        if not routes:
            return self.prices.find(model, None, service_tier)
        first = routes[0]
        provider = self._providers.get(first.channel.provider)
        catalogue = provider.catalogue if provider is not None else None
        find = self.prices.find
        return find(model, catalogue, service_tier) or find(first.upstream_model, catalogue, service_tier)

    def cost(self, way: Way, service_tier: str | None = None) -> Price | None:
        """What the upstream charges us now; None where nobody knows."""
        return self.prices.cost(way.route.upstream_model, way.catalogue, service_tier)

    def way(self, route: Route, credential: tuple[int, str], wanted: ProtocolName, *, search: bool = False) -> Way:
        """How to use a route with a credential for a caller of protocol `wanted`, who with `search` wants to search
        the web.

        Raises:
            ValueError: the channel is not configured well enough to be used.
        """
        credential_id, secret = credential
        key = (route.channel.id, credential_id, route.upstream_model, wanted, search)
        way = self._ways.get(key)
        if way is None or way.route is not route:
            provider = self.provider(route.channel)
            protocol = provider.speaks(wanted, route.upstream_model, search=search)
            outbound = prepare(
                provider,
                route.channel,
                secret,
                protocol=protocol,
                upstream_model=route.upstream_model,
                signers=self._signers,
            )
            way = Way(route=route, credential_id=credential_id, outbound=outbound, catalogue=provider.catalogue)
            self._ways[key] = way
        return way

    def provider(self, channel: Channel) -> Provider:
        """The channel's provider.

        Raises:
            ValueError: there is none of that name.
        """
        try:
            return self._providers[channel.provider]
        except KeyError:
            raise ValueError(f"channel {channel.name!r} names an unknown provider {channel.provider!r}") from None
