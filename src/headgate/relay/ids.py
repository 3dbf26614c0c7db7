"""Call ids: 26 hexadecimal characters, in the order of time, unique over all workers without asking anyone."""

import itertools
import secrets


class CallIds:
    """Makes the ids of one worker: 12 characters of milliseconds, 6 of a counter, 8 of the worker's own randomness."""

    def __init__(self) -> None:
        self._worker = secrets.token_hex(4)
        self._counter = itertools.count(secrets.randbelow(1 << 20))

    def next(self, now_ms: int) -> str:
        """A fresh id for a call that starts at `now_ms` (Unix milliseconds)."""
        return f"{now_ms:012x}{next(self._counter) & 0xFFFFFF:06x}{self._worker}"
