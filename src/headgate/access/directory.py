"""Who is behind a key's hash, remembered by each worker, so that a call need not ask the database.

A key seen once stays known, also while the database is away, until it is forgotten because it changed. Keys that do
not exist are remembered for a moment only. Whoever asks for keys that are not known here waits for one common query.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import Enum
from typing import Final, Literal

from headgate.access.caller import Caller
from headgate.access.repository import find_callers
from headgate.store.database import Database, StoreUnavailable

Find = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Caller]]]


class Answer(Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = Answer.UNKNOWN
"""What `KeyDirectory.get` says when only `load` can tell."""

_BATCH = 500


def from_database(database: Database) -> Find:
    """The way to look up callers that a `KeyDirectory` of this database needs."""

    async def find(hashes: Collection[bytes]) -> Mapping[bytes, Caller]:
        async with database.read() as conn:
            return await find_callers(conn, hashes)

    return find


class KeyDirectory:
    """Callers by the hash of their key; one for each worker.

    Args:
        find: looks up many hashes at once; raises `StoreUnavailable`.
        clock: seconds, monotonic.
        capacity: how many callers are kept; the one unused for longest makes room.
        absent_capacity, absent_s: how many keys that do not exist are remembered, and for how long.
    """

    def __init__(
        self,
        find: Find,
        clock: Callable[[], float],
        *,
        capacity: int = 100_000,
        absent_capacity: int = 10_000,
        absent_s: float = 5.0,
    ) -> None:
        self._find = find
        self._clock = clock
        self._capacity = capacity
        self._absent_capacity = absent_capacity
        self._absent_s = absent_s
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()
        self._hash_of_key: dict[int, bytes] = {}
        self._hashes_of_user: dict[int, set[bytes]] = {}
        self._absent: OrderedDict[bytes, float] = OrderedDict()
        self._wanted: dict[bytes, asyncio.Future[Caller | None]] = {}
        self._flight: asyncio.Task[None] | None = None
        self._generation = 0

    def __len__(self) -> int:
        return len(self._callers)

    def get(self, key_hash: bytes) -> Caller | Literal[Answer.UNKNOWN] | None:
        """The caller; None for a key that does not exist; `UNKNOWN` when the database has to be asked."""
        caller = self._callers.get(key_hash)
        if caller is not None:
            self._callers.move_to_end(key_hash)
            return caller
        if (until := self._absent.get(key_hash)) is not None:
            if self._clock() < until:
                return None
            del self._absent[key_hash]
        return UNKNOWN

    async def load(self, key_hash: bytes) -> Caller | None:
        """The caller, from the database where need be; None for a key that does not exist.

        Raises:
            StoreUnavailable: the key is not known here and the database cannot tell.
        """
        known = self.get(key_hash)
        if known is not UNKNOWN:
            return known
        future = self._wanted.get(key_hash)
        if future is None:
            future = self._wanted[key_hash] = asyncio.get_running_loop().create_future()
            if self._flight is None:
                self._flight = asyncio.create_task(self._fly())
        # Others may wait for the same answer when this caller is cancelled.
        return await asyncio.shield(future)

    def forget(self, key_id: int) -> None:
        """The key changed, or is new."""
        self._begin_generation()
        if (key_hash := self._hash_of_key.get(key_id)) is not None:
            self._drop(key_hash)

    def forget_user(self, user_id: int) -> None:
        """The user changed."""
        self._begin_generation()
        for key_hash in tuple(self._hashes_of_user.get(user_id, ())):
            self._drop(key_hash)

    def clear(self) -> None:
        """Anything may have changed."""
        self._begin_generation()
        self._callers.clear()
        self._hash_of_key.clear()
        self._hashes_of_user.clear()

    def _begin_generation(self) -> None:
        """Answers to queries that are under way no longer count, nor does it that a key did not exist."""
        self._generation += 1
        self._absent.clear()

    def _keep(self, key_hash: bytes, caller: Caller) -> None:
        self._callers[key_hash] = caller
        self._hash_of_key[caller.key_id] = key_hash
        self._hashes_of_user.setdefault(caller.user_id, set()).add(key_hash)
        if len(self._callers) > self._capacity:
            self._drop(next(iter(self._callers)))

    def _drop(self, key_hash: bytes) -> None:
        caller = self._callers.pop(key_hash)
        del self._hash_of_key[caller.key_id]
        siblings = self._hashes_of_user[caller.user_id]
        siblings.remove(key_hash)
        if not siblings:
            del self._hashes_of_user[caller.user_id]

    async def _fly(self) -> None:
        """Answer everybody who waits, and whoever comes meanwhile, query after query."""
        try:
            while batch := list(self._wanted)[:_BATCH]:
                generation = self._generation
                try:
                    found = await self._find(batch)
                except StoreUnavailable as error:
                    self._disappoint(batch, error)
                    continue
                # What was read may be older than what was forgotten meanwhile: ask again.
                if generation == self._generation:
                    for key_hash in batch:
                        self._answer(key_hash, found.get(key_hash))
        except BaseException as error:
            self._disappoint(list(self._wanted), StoreUnavailable(f"the look-up of API keys failed: {error!r}"))
            raise
        finally:
            self._flight = None

    def _answer(self, key_hash: bytes, caller: Caller | None) -> None:
        if caller is not None:
            self._keep(key_hash, caller)
        else:
            self._absent[key_hash] = self._clock() + self._absent_s
            if len(self._absent) > self._absent_capacity:
                self._absent.popitem(last=False)
        self._wanted.pop(key_hash).set_result(caller)

    def _disappoint(self, batch: list[bytes], error: StoreUnavailable) -> None:
        for key_hash in batch:
            future = self._wanted.pop(key_hash)
            future.set_exception(error)
            # Marks it as seen: whoever waited may have left.
            future.exception()
