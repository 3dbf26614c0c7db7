"""What a model costs: the operator's own price, or the vendor's list price."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from genai_prices.types import ModelInfo
from msgspec import Struct

from headgate.billing.catalogue import Catalogue, price_at
from headgate.billing.prices import parse_price
from headgate.billing.pricing import Price

_MINUTE_MS = 60_000
# Names come from callers too: what they have asked for is not kept without bound.
_MOST_NAMES = 10_000


class Limits(Struct, frozen=True):
    """A model's limits in tokens, where they are known."""

    context: int | None = None
    max_output: int | None = None


class PriceBook:
    """Immutable but for its memory of answers. Some vendors' prices change by date or by time of day: an answer holds
    for the minute in which it was given, so ask again for every call; that is two look-ups.

    Args:
        overrides: the operator's prices by exposed model name (`stored_prices`, or the configuration file's).
        clock: milliseconds since the epoch.

    Raises:
        ValueError: a price is wrong; the message begins with the model's name and the field's.
    """

    def __init__(
        self,
        overrides: Mapping[str, Mapping[str, object]],
        *,
        clock: Callable[[], int],
        catalogue: Catalogue | None = None,
    ) -> None:
        self._overrides = {model: _parsed(model, body) for model, body in overrides.items()}
        self._clock = clock
        self._catalogue = catalogue or Catalogue()
        self._models: dict[tuple[str, str | None], ModelInfo | None] = {}
        self._prices: dict[tuple[str, str | None, str | None], Price | None] = {}
        self._minute = 0

    def find(self, model: str, provider: str | None = None, service_tier: str | None = None) -> Price | None:
        """The price of a model: the operator's; else the list price of `provider` (an id of the data set); else that of
        the vendor whose name the model carries. None: nobody knows one, the call must be refused."""
        override = self._overrides.get(model)
        if override is not None:
            return override
        price = None if provider is None else self.cost(model, provider, service_tier)
        return price or self._listed(model, None, service_tier)

    def cost(self, model: str, provider: str | None, service_tier: str | None = None) -> Price | None:
        """What `provider` charges us for its model; None where that is not known."""
        return None if provider is None else self._listed(model, provider, service_tier)

    def limits(self, model: str, provider: str | None = None) -> Limits:
        """The model's limits: the operator's word first."""
        override = self._overrides.get(model)
        known = None if provider is None else self._model(model, provider)
        known = known or self._model(model, None)
        context = override.context if override else None
        return Limits(
            context=context or (known.context_window if known else None),
            max_output=override.max_output if override else None,
        )

    def _listed(self, model: str, provider: str | None, service_tier: str | None) -> Price | None:
        now_ms = self._clock()
        if now_ms // _MINUTE_MS != self._minute or len(self._prices) >= _MOST_NAMES:
            self._prices.clear()
            self._minute = now_ms // _MINUTE_MS
        key = (model, provider, service_tier)
        if key not in self._prices:
            known = self._model(model, provider)
            at = datetime.fromtimestamp(now_ms // 1000, UTC)
            self._prices[key] = None if known is None else price_at(known, at, service_tier)
        return self._prices[key]

    def _model(self, model: str, provider: str | None) -> ModelInfo | None:
        if len(self._models) >= _MOST_NAMES:
            self._models.clear()
        key = (model, provider)
        if key not in self._models:
            catalogue = self._catalogue
            self._models[key] = catalogue.of_home(model) if provider is None else catalogue.of_provider(model, provider)
        return self._models[key]


def _parsed(model: str, body: Mapping[str, object]) -> Price:
    try:
        return parse_price(body)
    except ValueError as error:
        raise ValueError(f"{model}: {error}") from None
