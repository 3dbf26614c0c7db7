"""How each credential has behaved lately for each model: a breaker, and the cool-down an upstream asked for.

Closed: calls pass. A rate limit opens it for as long as the upstream says; repeated faults open it for a growing while.
When the time is over one call is let through as a probe (half-open); its outcome closes or opens it again.
"""

from collections.abc import Callable

from msgspec import Struct

FAULTS_TO_OPEN = 3
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
RATE_LIMIT_PAUSE_S = 5.0


class Breaker(Struct):
    """The state of one credential for one model. `open_until` is on the book's clock, 0 while closed."""

    faults: int = 0
    open_until: float = 0.0
    probing: bool = False


class HealthBook:
    """The breakers of one worker.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._breakers: dict[tuple[int, str], Breaker] = {}

    def usable(self, credential_id: int, model: str) -> bool:
        """Whether a call may go this way now. Does not claim the probe: `begin` does."""
        breaker = self._breakers.get((credential_id, model))
        if breaker is None or not breaker.open_until:
            return True
        return not breaker.probing and self._clock() >= breaker.open_until

    def begin(self, credential_id: int, model: str) -> None:
        """A call goes this way: where the breaker was open, it is the probe."""
        breaker = self._breakers.get((credential_id, model))
        if breaker is not None and breaker.open_until:
            breaker.probing = True

    def succeeded(self, credential_id: int, model: str) -> None:
        """A call got a good answer: the breaker is closed and forgotten."""
        if self._breakers:
            self._breakers.pop((credential_id, model), None)

    def spared(self, credential_id: int, model: str) -> None:
        """A call ended without telling anything about the upstream (the caller left, the caller's mistake)."""
        breaker = self._breakers.get((credential_id, model))
        if breaker is not None:
            breaker.probing = False

    def rate_limited(self, credential_id: int, model: str, retry_after_s: float | None) -> None:
        """The upstream said it has had enough for now."""
        self._open(credential_id, model, retry_after_s or RATE_LIMIT_PAUSE_S)

    def failed(self, credential_id: int, model: str, retry_after_s: float | None = None) -> None:
        """The upstream failed: the third time in a row, or a failed probe, opens the breaker."""
        breaker = self._breakers.setdefault((credential_id, model), Breaker())
        breaker.faults += 1
        if retry_after_s or breaker.faults >= FAULTS_TO_OPEN or breaker.probing:
            doublings = max(0, breaker.faults - FAULTS_TO_OPEN)
            self._open(credential_id, model, retry_after_s or FIRST_PAUSE_S * 2 ** min(doublings, 8))

    def retry_after_s(self, ways: list[tuple[int, str]]) -> float | None:
        """How long until the first of these (credential, model) ways may be tried again; None where none is open."""
        now = self._clock()
        waits = [
            breaker.open_until - now for way in ways if (breaker := self._breakers.get(way)) and breaker.open_until
        ]
        return max(1.0, min(waits)) if waits else None

    def open_count(self) -> int:
        """How many breakers are open or half-open."""
        return sum(1 for breaker in self._breakers.values() if breaker.open_until)

    def _open(self, credential_id: int, model: str, pause_s: float) -> None:
        breaker = self._breakers.setdefault((credential_id, model), Breaker())
        breaker.open_until = self._clock() + min(pause_s, LONGEST_PAUSE_S)
        breaker.probing = False
