"""The sandbox's books: every answer it served, so that whoever stands between can be held against them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.sandbox.counts import Counts

_KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One answer served.

    `id` is the id inside the answer, `credential` the last eight characters of the key used, and `whole` says that all
    of the answer was handed to an open connection.
    """

    id: str
    protocol: str
    model: str
    credential: str
    counts: Counts
    streamed: bool
    number: int = 0
    whole: bool = False


@dataclass(slots=True)
class Books:
    """Totals of everything, and the latest 100,000 entries."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_KEPT))
    totals: Counter[str] = field(default_factory=Counter)
    written: int = 0

    def add(self, entry: Entry, *, whole: bool) -> None:
        """Write an answer down once its last byte was handed over, or was not."""
        self.written += 1
        entry.number, entry.whole = self.written, whole
        self.entries.append(entry)
        self.totals["answers"] += 1
        self.totals["whole"] += whole
        self.totals[f"answers:{entry.protocol}"] += 1
        counts = entry.counts
        self.totals["input"] += counts.input
        self.totals["cached"] += counts.cached
        self.totals["written_5m"] += counts.written_5m
        self.totals["written_1h"] += counts.written_1h
        self.totals["output"] += counts.output
        self.totals["reasoning"] += counts.reasoning

    def refused(self, status: int) -> None:
        """Count an error that was answered."""
        self.totals["refused"] += 1
        self.totals[f"refused:{status}"] += 1

    def clear(self) -> None:
        """Start new books; entry numbers go on."""
        self.entries.clear()
        self.totals.clear()

    def after(self, number: int, limit: int) -> Iterator[dict[str, Any]]:
        """At most `limit` entries numbered above `number`, oldest first, as JSON objects."""
        first = max(0, number - (self.written - len(self.entries)))
        for i in range(first, min(first + limit, len(self.entries))):
            yield asdict(self.entries[i])
