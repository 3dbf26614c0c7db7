"""What vendors publish: the genai-prices data set as `Price`s. It ships in its package; nothing is fetched."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from headgate.billing.amounts import NANO, UNITS, scaled
from headgate.billing.pricing import Price, Tier, resolve

# Units of the data set: the quantity that each prices, and what makes its dollars a rate, as numerator and denominator.
# A duration is published by the hour. Where two price the same quantity, the later one is the more exact.
_PER_THOUSAND = NANO * UNITS // 1000
_UNITS: dict[str, tuple[str, int, int]] = {
    "input_mtok": ("input", NANO, 1),
    "cache_read_mtok": ("cache_read", NANO, 1),
    "cache_write_mtok": ("cache_write", NANO, 1),
    "cache_write_5m_mtok": ("cache_write_5m", NANO, 1),
    "cache_write_1h_mtok": ("cache_write_1h", NANO, 1),
    "output_mtok": ("output", NANO, 1),
    "output_reasoning_mtok": ("reasoning", NANO, 1),
    "input_audio_mtok": ("audio_in", NANO, 1),
    "cache_audio_read_mtok": ("audio_cache_read", NANO, 1),
    "output_audio_mtok": ("audio_out", NANO, 1),
    "input_image_mtok": ("image_in", NANO, 1),
    "cache_image_read_mtok": ("image_cache_read", NANO, 1),
    "output_image_mtok": ("image_out", NANO, 1),
    "input_video_mtok": ("video_in", NANO, 1),
    "input_mchars": ("characters", NANO, 1),
    "audio_hours": ("milliseconds", NANO * UNITS, 3_600_000),
    "input_audio_hours": ("milliseconds", NANO * UNITS, 3_600_000),
    "output_audio_hours": ("milliseconds", NANO * UNITS, 3_600_000),
    "web_searches_kcount": ("web_searches", _PER_THOUSAND, 1),
    "rerank_searches_kcount": ("search_units", _PER_THOUSAND, 1),
}
_PER_CALL = "requests_kcount"


class Catalogue:
    """The data set, read once."""

    def __init__(self) -> None:
        self._providers: Sequence[Provider] = get_snapshot().providers

    def of_provider(self, model: str, provider: str) -> ModelInfo | None:
        """A model as one provider sells it."""
        found = find_provider_by_id(list(self._providers), provider)
        return found.find_model(model, all_providers=list(self._providers)) if found else None

    def of_home(self, model: str) -> ModelInfo | None:
        """A model as the vendor whose name it carries sells it: `gpt-4o`, or `openai/gpt-4o`."""
        vendor, slash, rest = model.partition("/")
        if slash and (found := self.of_provider(rest, vendor)):
            return found
        name = model.lower()
        for provider in self._providers:
            if provider.model_match is not None and provider.model_match.is_match(name):
                return provider.find_model(name)
        return None


def price_at(model: ModelInfo, at: datetime, service_tier: str | None = None) -> Price | None:
    """What a model costs at a moment, in a tier of service if it has a price of its own there. None if nothing that we
    measure has a price above zero: what costs nothing is for the operator to give away."""
    context = {"service_tier": service_tier, "speed": service_tier} if service_tier else None
    published = model.get_prices(at, context)
    base = _rates(published, read=0)
    per_call = _amount(getattr(published, _PER_CALL), read=0)
    starts = {
        tier.start for value in vars(published).values() if isinstance(value, TieredPrices) for tier in value.tiers
    }
    price = Price(
        rates=resolve(base),
        tiers=tuple(Tier(start, resolve(_rates(published, read=start + 1))) for start in sorted(starts)),
        per_call=0 if per_call is None else scaled(per_call, _PER_THOUSAND),
        context=model.context_window,
    )
    return price if price.per_call or any(price.rates) else None


def _rates(published: ModelPrice, *, read: int) -> dict[str, int]:
    """The rates of a call that reads so many tokens."""
    rates = {}
    for unit, (quantity, numerator, denominator) in _UNITS.items():
        amount = _amount(getattr(published, unit), read=read)
        if amount is not None:
            rates[quantity] = scaled(amount / denominator, numerator)
    return rates


def _amount(value: Decimal | TieredPrices | None, *, read: int) -> Decimal | None:
    if not isinstance(value, TieredPrices):
        return value
    applying = [tier.price for tier in value.tiers if read > tier.start]
    return applying[-1] if applying else value.base
