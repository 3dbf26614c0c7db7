"""Prometheus metrics of one worker.

Calls are counted in plain dictionaries, which the relay path can afford, and turned into metric families when somebody
scrapes. Labels are bounded: beyond `MAX_SERIES` further combinations are counted under `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

MAX_SERIES = 2000
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
OTHER = "other"


class Measured(Struct, frozen=True, kw_only=True):
    """One finished call, in what is counted of it."""

    operation: str
    model: str
    channel: str
    ending: str
    status: int
    duration_ms: int
    first_byte_ms: int | None
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    charge_nano: int
    cost_nano: int
    failed_attempts: int
    estimated: bool


class Gauge(Struct, frozen=True, kw_only=True):
    """A value that is read when somebody scrapes. `total` says that it only grows."""

    name: str
    help: str
    read: Callable[[], float]
    total: bool = False


class _Histogram:
    """Counts by bucket, and the sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        running = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            running += count
            rows.append((bound, running))
        return rows


class _Series(Struct):
    """The sums of one (operation, model, channel)."""

    calls: dict[tuple[str, int], int] = {}
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    charge_nano: int = 0
    cost_nano: int = 0
    failed_attempts: int = 0
    estimated: int = 0
    duration: _Histogram | None = None
    first_byte: _Histogram | None = None


_COUNTERS: tuple[tuple[str, str, str, float], ...] = (
    ("headgate_tokens_in", "Tokens read, cached ones included.", "tokens_in", 1),
    ("headgate_tokens_out", "Tokens written, reasoning included.", "tokens_out", 1),
    ("headgate_tokens_cached", "Tokens read from a prompt cache.", "tokens_cached", 1),
    ("headgate_charge_usd", "What callers were charged, in US dollars.", "charge_nano", 1e-9),
    ("headgate_cost_usd", "What upstreams charge us, in US dollars, where known.", "cost_nano", 1e-9),
    ("headgate_failed_attempts", "Attempts at a channel that another one had to make good.", "failed_attempts", 1),
    ("headgate_estimated_calls", "Calls whose tokens we had to count ourselves.", "estimated", 1),
)
_LABELS = ("operation", "model", "channel")


class Metrics(Collector):
    """The counters of one worker. `gauges` are read at each scrape."""

    def __init__(self, gauges: Iterable[Gauge] = ()) -> None:
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._gauges = tuple(gauges)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def record(self, call: Measured) -> None:
        """Count one finished call."""
        key = (call.operation, call.model, call.channel)
        series = self._series.get(key) or self._open(key)
        outcome = (call.ending, call.status)
        series.calls[outcome] = series.calls.get(outcome, 0) + 1
        series.tokens_in += call.tokens_in
        series.tokens_out += call.tokens_out
        series.tokens_cached += call.tokens_cached
        series.charge_nano += call.charge_nano
        series.cost_nano += call.cost_nano
        series.failed_attempts += call.failed_attempts
        series.estimated += call.estimated
        assert series.duration is not None
        assert series.first_byte is not None
        series.duration.observe(call.duration_ms / 1000)
        if call.first_byte_ms is not None:
            series.first_byte.observe(call.first_byte_ms / 1000)

    def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the Prometheus library at each scrape."""
        calls = CounterMetricFamily("headgate_calls", "Finished calls.", labels=(*_LABELS, "ending", "status"))
        for key, series in self._series.items():
            for (ending, status), count in series.calls.items():
                calls.add_metric((*key, ending, str(status)), count)
        yield calls
        for name, words, field, factor in _COUNTERS:
            family = CounterMetricFamily(name, words, labels=_LABELS)
            for key, series in self._series.items():
                family.add_metric(key, getattr(series, field) * factor)
            yield family
        yield self._histograms("headgate_call_seconds", "From a call's first byte to settled.", "duration")
        yield self._histograms("headgate_first_byte_seconds", "Until the answer's first byte left.", "first_byte")
        for gauge in self._gauges:
            kind = CounterMetricFamily if gauge.total else GaugeMetricFamily
            yield kind(gauge.name, gauge.help, value=gauge.read())

    def _open(self, key: tuple[str, str, str]) -> _Series:
        if len(self._series) >= MAX_SERIES:
            key = (key[0], OTHER, OTHER)
        return self._series.setdefault(key, _Series(duration=_Histogram(), first_byte=_Histogram()))

    def _histograms(self, name: str, words: str, field: str) -> Metric:
        family = HistogramMetricFamily(name, words, labels=_LABELS)
        for key, series in self._series.items():
            histogram: _Histogram = getattr(series, field)
            family.add_metric(key, buckets=histogram.buckets(), sum_value=histogram.total)
        return family
