"""Which route to take next: a pure decision. Highest priority first, by weight within it, a tried one never again."""

from collections.abc import Callable, Collection, Sequence

from headgate.channels.routes import Route


def choose(
    routes: Sequence[Route],
    *,
    tried: Collection[int],
    healthy: Callable[[Route], bool],
    draw: Callable[[], float],
) -> Route | None:
    """The next route for a call.

    Args:
        routes: all routes for the model, best priority first.
        tried: ids of channels that this call has already tried.
        healthy: whether a route may be used now.
        draw: a random number in [0, 1), asked for only where there is a choice.

    Returns:
        A route of the highest priority that has a usable one; by weight where it has several. None where none is left.
    """
    if len(routes) == 1:
        route = routes[0]
        return route if route.channel.id not in tried and healthy(route) else None
    best: list[Route] = []
    for route in routes:
        if best and route.channel.priority < best[0].channel.priority:
            break
        if route.channel.id not in tried and healthy(route):
            best.append(route)
    if len(best) <= 1:
        return best[0] if best else None
    total = sum(route.channel.weight for route in best)
    if total <= 0:
        return best[int(draw() * len(best))]
    mark = draw() * total
    for route in best:
        mark -= route.channel.weight
        if mark < 0:
            return route
    return best[-1]
