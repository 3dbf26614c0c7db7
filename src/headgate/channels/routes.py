"""Which channels can serve which model to which group: a table that is built once per configuration and only read.

A route is one way to serve a model: a channel and the name the model has there.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from headgate.channels.channel import Channel


class Route(Struct, frozen=True, kw_only=True):
    """One way to serve `model`: through `channel`, under the name `upstream_model`."""

    model: str
    upstream_model: str
    channel: Channel


class RouteTable(Struct, frozen=True, kw_only=True):
    """Routes by group and model name; `models` lists each group's names in order of first appearance."""

    by_group: Mapping[str, Mapping[str, tuple[Route, ...]]]

    def routes(self, group: str, model: str) -> tuple[Route, ...]:
        """All routes for the model in the group, best priority first; empty where no channel serves the name."""
        models = self.by_group.get(group)
        return models.get(model, ()) if models is not None else ()

    def models(self, group: str) -> tuple[str, ...]:
        """The names that can be asked for in the group."""
        return tuple(self.by_group.get(group, ()))


def build_routes(channels: Iterable[Channel]) -> RouteTable:
    """The table for these channels; disabled ones are left out."""
    table: dict[str, dict[str, list[Route]]] = {}
    for channel in channels:
        if not channel.enabled:
            continue
        names = {name: name for name in channel.models} | dict(channel.model_map)
        for group in channel.groups:
            models = table.setdefault(group, {})
            for model, upstream_model in names.items():
                route = Route(model=model, upstream_model=upstream_model, channel=channel)
                models.setdefault(model, []).append(route)
    return RouteTable(
        by_group={
            group: {
                model: tuple(sorted(routes, key=lambda route: -route.channel.priority))
                for model, routes in models.items()
            }
            for group, models in table.items()
        }
    )
