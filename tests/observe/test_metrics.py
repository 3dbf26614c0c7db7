"""Metrics: what is counted, and that labels stay bounded."""

from headgate.observe import metrics
from headgate.observe.metrics import Gauge, Measured, Metrics


def call(**changes: object) -> Measured:
    fields: dict[str, object] = {
        "operation": "chat",
        "model": "m",
        "channel": "c",
        "ending": "completed",
        "status": 200,
        "duration_ms": 30,
        "first_byte_ms": 10,
        "tokens_in": 5,
        "tokens_out": 7,
        "tokens_cached": 2,
        "charge_nano": 1_500_000_000,
        "cost_nano": 0,
        "failed_attempts": 1,
        "estimated": True,
    }
    return Measured(**(fields | changes))  # type: ignore[arg-type]


def sample(told: bytes, line: str) -> float:
    found = [row for row in told.decode().splitlines() if row.startswith(line + " ")]
    assert len(found) == 1, told.decode()
    return float(found[0].rsplit(" ", 1)[1])


def test_calls_tokens_and_money_are_counted() -> None:
    """Two calls of the same kind add up; another ending is its own row."""
    counted = Metrics()
    counted.record(call())
    counted.record(call())
    counted.record(call(ending="client_gone"))
    told = counted.exposition()

    labels = 'channel="c",model="m",operation="chat"'
    done = 'headgate_calls_total{channel="c",ending="completed",model="m",operation="chat",status="200"}'
    assert sample(told, done) == 2
    assert sample(told, f"headgate_tokens_in_total{{{labels}}}") == 15
    assert sample(told, f"headgate_charge_usd_total{{{labels}}}") == 4.5
    assert sample(told, f"headgate_estimated_calls_total{{{labels}}}") == 3
    assert sample(told, 'headgate_call_seconds_bucket{channel="c",le="0.025",model="m",operation="chat"}') == 0
    assert sample(told, 'headgate_call_seconds_bucket{channel="c",le="0.05",model="m",operation="chat"}') == 3
    assert sample(told, f"headgate_first_byte_seconds_count{{{labels}}}") == 3


def test_labels_are_bounded() -> None:
    """Beyond the bound further names are counted together, so that no caller can fill the memory."""
    counted = Metrics()
    for number in range(metrics.MAX_SERIES + 50):
        counted.record(call(model=f"m{number}"))
    told = counted.exposition()

    assert told.count(b"\nheadgate_tokens_in_total{") == metrics.MAX_SERIES + 1
    assert sample(told, 'headgate_tokens_in_total{channel="other",model="other",operation="chat"}') == 250


def test_gauges_are_read_when_somebody_asks() -> None:
    """A gauge shows the value of the moment."""
    now = [1.0]
    counted = Metrics([Gauge(name="headgate_x", help="X.", read=lambda: now[0])])

    assert sample(counted.exposition(), "headgate_x") == 1
    now[0] = 2.0
    assert sample(counted.exposition(), "headgate_x") == 2
