"""Our arithmetic against the data set's own."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider

from headgate.billing.amounts import NANO
from headgate.billing.catalogue import Catalogue, price_at
from headgate.billing.pricing import charge
from headgate.canonical.usage import Usage

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKENS_ONLY = {
    "input_mtok",
    "output_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "web_searches_kcount",
    "storage_searches_kcount",
    "output_reasoning_mtok",
}


def sample() -> list[tuple[Provider, ModelInfo]]:
    """Every seventh model of every provider that sells text by the token."""
    found = [(provider, model) for provider in get_snapshot().providers for model in provider.models]
    return [
        (provider, model)
        for provider, model in found
        if {unit for unit, value in vars(model.get_prices(AT)).items() if value is not None} <= TOKENS_ONLY
    ][::7]


CALLS = [Usage(input=1234, output=77), Usage(input=5, cache_read=300_001, output=9, reasoning=3)]


@pytest.mark.parametrize("usage", CALLS)
def test_we_charge_what_the_data_set_computes(usage: Usage) -> None:
    """For hundreds of models, short and long calls: their decimal result, rounded to a nano-dollar, is our charge."""
    theirs_usage = TheirUsage(
        input_tokens=usage.total_in,
        cache_read_tokens=usage.cache_read,
        output_tokens=usage.total_out,
        output_reasoning_tokens=usage.reasoning,
    )
    models = sample()
    assert len(models) > 200
    for provider, model in models:
        theirs = model.calc_price(theirs_usage, provider, genai_request_timestamp=AT).total_price
        price = price_at(model, AT)
        ours = charge(price, usage) if price else 0
        expected = int((theirs * NANO).quantize(Decimal(1), rounding=ROUND_HALF_UP))
        assert ours == expected, (provider.id, model.id)


def test_models_are_found_at_their_provider_and_at_home() -> None:
    """By name, by dated name, by vendor and name; and not at all."""
    catalogue = Catalogue()
    azure = catalogue.of_provider("gpt-4o", "azure")
    home = catalogue.of_home("openai/gpt-4o")
    assert azure is not None
    assert azure.id == "gpt-4o"
    assert home is not None
    assert home == catalogue.of_home("gpt-4o")
    assert catalogue.of_home("never-heard-of") is None
    assert catalogue.of_provider("gpt-4o", "nobody") is None


def test_speech_and_searches_are_priced_by_their_own_unit() -> None:
    """An hour of whisper is 36 cents; ten thousand characters of tts-1 are fifteen."""
    catalogue = Catalogue()
    whisper, speech = catalogue.of_home("whisper-1"), catalogue.of_home("tts-1")
    assert whisper is not None
    assert speech is not None
    heard, said = price_at(whisper, AT), price_at(speech, AT)
    assert heard is not None
    assert said is not None
    assert charge(heard, Usage(milliseconds=3_600_000)) == 360_000_000
    assert charge(said, Usage(characters=10_000)) == 150_000_000


def test_a_tier_of_service_has_its_own_price() -> None:
    """Priority costs more than standard; a tier that is not listed costs the standard price."""
    model = Catalogue().of_home("gpt-4o")
    assert model is not None
    standard, priority, unknown = (price_at(model, AT, tier) for tier in (None, "priority", "whatever"))
    assert standard is not None
    assert priority is not None
    assert priority.rates[0] > standard.rates[0]
    assert unknown == standard


def test_what_costs_nothing_has_no_price() -> None:
    """A zero in the list is no permission to serve for nothing."""
    gifts = [m for p in get_snapshot().providers for m in p.models if m.id.endswith(":free")]
    assert all(price_at(model, AT) is None for model in gifts)
