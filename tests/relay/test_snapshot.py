"""What one state of the configuration says about prices and ways."""

import pytest

from headgate.billing.pricebook import PriceBook
from headgate.channels.channel import Channel
from headgate.providers.registry import PROVIDERS
from headgate.relay.snapshot import Snapshot

NOW_MS = 1_795_439_592_000


def snapshot(*channels: Channel, prices: dict[str, dict[str, object]] | None = None) -> Snapshot:
    return Snapshot(
        channels=channels,
        prices=PriceBook(prices or {}, clock=lambda: NOW_MS),
        multipliers_ppm={"vip": 500_000},
        providers=PROVIDERS,
    )


def openai(**changes: object) -> Channel:
    fields: dict[str, object] = {
        "id": 1,
        "name": "one",
        "provider": "openai",
        "models": ("gpt-4o-mini",),
        "model_map": {"fast": "gpt-4o-mini", "house": "own-model"},
        "credentials": ((7, "sk-up"),),
    }
    return Channel(**(fields | changes))  # type: ignore[arg-type]


def test_an_alias_costs_what_its_model_costs() -> None:
    """A name of the operator's own is priced by what it really is."""
    state = snapshot(openai())

    assert state.price("default", "fast") == state.price("default", "gpt-4o-mini")
    assert state.price("default", "house") is None


def test_the_operators_price_for_a_name_counts_first() -> None:
    """Also where the catalogue knows the model."""
    state = snapshot(openai(), prices={"fast": {"free": True}})
    own, listed = state.price("default", "fast"), state.price("default", "gpt-4o-mini")

    assert own is not None
    assert own.free
    assert listed is not None
    assert not listed.free


def test_a_dearer_tier_is_priced_as_such() -> None:
    """What the caller asks for by `service_tier` changes price and cost."""
    state = snapshot(openai())
    route = state.routes.routes("default", "gpt-4o-mini")[0]
    way = state.way(route, (7, "sk-up"), "openai_chat")
    plain, urgent = state.price("default", "gpt-4o-mini"), state.price("default", "gpt-4o-mini", "priority")

    assert plain is not None
    assert urgent is not None
    assert urgent.rates > plain.rates
    assert state.cost(way, "priority") == urgent


def test_groups_have_their_multipliers() -> None:
    """An unknown group pays the plain price."""
    state = snapshot(openai())

    assert (state.multiplier_ppm("vip"), state.multiplier_ppm("default")) == (500_000, 1_000_000)


def test_a_way_is_worked_out_once_and_speaks_the_callers_protocol_where_it_can() -> None:
    """OpenAI speaks Responses itself; an Anthropic caller is translated."""
    state = snapshot(openai())
    route = state.routes.routes("default", "gpt-4o-mini")[0]
    way = state.way(route, (7, "sk-up"), "openai_responses")

    assert way is state.way(route, (7, "sk-up"), "openai_responses")
    assert way.outbound.protocol == "openai_responses"
    assert state.way(route, (7, "sk-up"), "anthropic_messages").outbound.protocol != "anthropic_messages"
    assert b"sk-up" in way.outbound.head


def test_a_channel_without_an_address_or_provider_is_told() -> None:
    """The pipeline passes such a channel over."""
    for wrong in (openai(provider="openai-compatible", base_url=None), openai(provider="nobody")):
        state = snapshot(wrong)
        route = state.routes.routes("default", "gpt-4o-mini")[0]
        with pytest.raises(ValueError, match="one"):
            state.way(route, (7, "sk-up"), "openai_chat")
