"""Choosing a route: by priority, by weight, never a tried one."""

from collections import Counter
from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from headgate.channels.channel import Channel
from headgate.channels.routes import Route, build_routes
from headgate.channels.selection import choose


def channel(number: int, **changes: object) -> Channel:
    fields = {
        "id": number,
        "name": f"c{number}",
        "provider": "openai",
        "models": ("m",),
        "credentials": ((number, "k"),),
    }
    return Channel(**(fields | changes))  # type: ignore[arg-type]


def routes(*channels: Channel) -> tuple[Route, ...]:
    return build_routes(channels).routes("default", "m")


def always(value: bool) -> Callable[[Route], bool]:
    return lambda route: value


def test_the_highest_priority_goes_first() -> None:
    """A lower priority is only used when every higher one was tried."""
    ways = routes(channel(1, priority=0), channel(2, priority=5))

    first = choose(ways, tried=(), healthy=always(True), draw=lambda: 0.0)
    second = choose(ways, tried={2}, healthy=always(True), draw=lambda: 0.0)

    assert first is not None
    assert second is not None
    assert [first.channel.id, second.channel.id] == [2, 1]


def test_weights_divide_the_calls() -> None:
    """Of equals with weights 3 and 1, the first gets three calls of four."""
    ways = routes(channel(1, weight=3), channel(2, weight=1))

    chosen = [choose(ways, tried=(), healthy=always(True), draw=partial(float, mark / 8)) for mark in range(8)]

    assert Counter(route.channel.id for route in chosen if route) == {1: 6, 2: 2}


def test_an_unhealthy_route_is_passed_over_and_nothing_is_left_when_all_are() -> None:
    """Health decides within a priority and across priorities."""
    ways = routes(channel(1, priority=1), channel(2))

    assert choose(ways, tried=(), healthy=lambda route: route.channel.id == 2, draw=lambda: 0.5) == ways[1]
    assert choose(ways, tried=(), healthy=always(False), draw=lambda: 0.5) is None
    assert choose(ways[:1], tried={1}, healthy=always(True), draw=lambda: 0.5) is None


def test_weight_nought_everywhere_still_chooses() -> None:
    """Channels that all weigh nothing share the calls evenly."""
    ways = routes(channel(1, weight=0), channel(2, weight=0))

    chosen = [choose(ways, tried=(), healthy=always(True), draw=partial(float, mark)) for mark in (0.0, 0.9)]

    assert chosen == list(ways)


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    priorities=st.lists(st.integers(0, 2), min_size=6, max_size=6),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_every_channel_is_tried_once_and_priorities_never_rise(
    weights: list[int], priorities: list[int], draw: float
) -> None:
    """Trying until nothing is left visits each channel once, in falling priority."""
    ways = routes(*(channel(n, weight=w, priority=priorities[n]) for n, w in enumerate(weights)))
    tried: list[Route] = []

    while (
        route := choose(ways, tried={r.channel.id for r in tried}, healthy=always(True), draw=lambda: draw)
    ) is not None:
        tried.append(route)

    assert len(tried) == len(weights)
    order = [route.channel.priority for route in tried]
    assert order == sorted(order, reverse=True)
