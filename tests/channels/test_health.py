"""The breaker: closed, open, half-open."""

from headgate.channels.health import FAULTS_TO_OPEN, FIRST_PAUSE_S, HealthBook


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_repeated_faults_open_it_and_a_good_probe_closes_it() -> None:
    """The third fault in a row opens; after the pause one call may probe; its success closes."""
    clock = Clock()
    book = HealthBook(clock)
    for _ in range(FAULTS_TO_OPEN - 1):
        book.failed(1, "m")

    assert book.usable(1, "m")
    book.failed(1, "m")
    assert not book.usable(1, "m")
    assert book.usable(1, "other"), "another model of the same credential is another breaker"

    clock.now += FIRST_PAUSE_S
    assert book.usable(1, "m")
    book.begin(1, "m")
    assert not book.usable(1, "m"), "one probe at a time"
    book.succeeded(1, "m")
    assert book.usable(1, "m")
    assert book.open_count() == 0


def test_a_failed_probe_opens_it_for_longer() -> None:
    """Each failed probe doubles the pause."""
    clock = Clock()
    book = HealthBook(clock)
    for _ in range(FAULTS_TO_OPEN):
        book.failed(1, "m")
    clock.now += FIRST_PAUSE_S
    book.begin(1, "m")
    book.failed(1, "m")

    clock.now += FIRST_PAUSE_S
    assert not book.usable(1, "m")
    clock.now += FIRST_PAUSE_S
    assert book.usable(1, "m")


def test_a_rate_limit_opens_it_for_as_long_as_the_upstream_says() -> None:
    """`retry-after` is honoured at the first refusal, and told to callers."""
    clock = Clock()
    book = HealthBook(clock)
    book.rate_limited(1, "m", 30)

    assert not book.usable(1, "m")
    assert book.retry_after_s([(1, "m"), (2, "m")]) == 30
    clock.now += 30
    assert book.usable(1, "m")


def test_a_probe_that_tells_nothing_leaves_the_breaker_half_open() -> None:
    """When the caller leaves in mid-probe, the next call may probe."""
    clock = Clock()
    book = HealthBook(clock)
    book.rate_limited(1, "m", 1)
    clock.now += 1
    book.begin(1, "m")
    book.spared(1, "m")

    assert book.usable(1, "m")
    assert book.open_count() == 1
