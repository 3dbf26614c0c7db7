"""Moves slices of wallets and budgets into this worker's purses ahead of need, and back when they are idle or somebody
else is short.

All that the calls of one moment need is fetched in one transaction. A transaction whose outcome is unknown leaves its
accounts in doubt; before anything else is done to them, the database is asked what it has.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from headgate.billing.flusher import Flusher
from headgate.billing.purse import Purse
from headgate.store import books
from headgate.store.books import Account, Transfer
from headgate.store.database import Database, StoreUnavailable

_NS_PER_MS = 1_000_000


class Slices(Struct, frozen=True, kw_only=True):
    """How much a worker keeps at hand. A purse that is filled again within `horizon_ms` gets twice as much the next
    time, between the two bounds, but never more than a quarter of what its account still has."""

    least_nano: int = 50_000_000
    most_nano: int = 20_000_000_000
    horizon_ms: int = 5_000


class Fill(Struct, frozen=True, kw_only=True):
    """What a purse got, what its account has left, and what other workers have of it."""

    given_nano: int
    left_nano: int
    elsewhere_nano: int


class _Demand:
    """What one account's purse is wanted to be given, and who waits for it."""

    def __init__(self) -> None:
        self.need_nano = 0
        self.waiters: list[asyncio.Future[Fill]] = []


class Supply:
    """One worker's."""

    def __init__(
        self,
        database: Database,
        flusher: Flusher,
        worker: tuple[str, str],
        purses: dict[int, Purse],
        clock: Callable[[], int],
        slices: Slices,
    ) -> None:
        """`worker` is its id and its node."""
        self._database = database
        self._flusher = flusher
        self._worker_id, self._node = worker
        self._purses = purses
        self._clock = clock
        self._slices = slices
        self._demands: dict[int, _Demand] = {}
        self._task: asyncio.Task[None] | None = None
        self._slice_nano: dict[int, int] = {}
        self._filled_ns: dict[int, int] = {}
        self._doubtful: set[int] = set()
        self._short: dict[int, int] = {}
        self._asked_ns: dict[int, int] = {}
        self._ended: set[int] = set()
        self._quiet_until_ns = 0
        self.contested: frozenset[int] = frozenset()
        """Accounts that some worker is short of."""
        self.seen_ns = time.monotonic_ns()
        """When the database last heard of us."""
        self.top_ups = 0
        self.recalls = 0

    def hint(self, account_id: int) -> None:
        """A purse runs low: fill it in the background."""
        if account_id not in self._demands and time.monotonic_ns() >= self._quiet_until_ns:
            self._demand(account_id)

    async def fill(self, account_id: int, need_nano: int) -> Fill:
        """Have a purse filled by at least `need_nano`, if its account has so much.

        Raises:
            StoreUnavailable: the database cannot be asked.
        """
        demand = self._demand(account_id)
        demand.need_nano += need_nano
        waiter: asyncio.Future[Fill] = asyncio.get_running_loop().create_future()
        demand.waiters.append(waiter)
        return await waiter

    async def recall(self, account_id: int, *, again: bool = False) -> None:
        """Ask the other workers for what they do not need of an account, on behalf of somebody who waits; every one who
        asks says `end_recall` in the end, however often he asked `again`.

        Raises:
            StoreUnavailable: nobody was asked.
        """
        now_ns = time.monotonic_ns()
        if not again:
            self._short[account_id] = self._short.get(account_id, 0) + 1
        if now_ns - self._asked_ns.get(account_id, 0) < 250 * _NS_PER_MS:
            return
        self._asked_ns[account_id] = now_ns
        self.recalls += 1
        async with self._database.write() as conn:
            await books.ask_recall(conn, self._database, [account_id], self._clock())

    def end_recall(self, account_id: int) -> None:
        """One less waits here; the asking ends, at the next tick, with the last one."""
        self._short[account_id] -= 1
        if not self._short[account_id]:
            del self._short[account_id]
            self._asked_ns.pop(account_id, None)
            self._ended.add(account_id)

    async def answer_recalls(self) -> None:
        """Give back what others ask for and nobody here holds.

        Raises:
            StoreUnavailable: not now.
        """
        ended = self._ended - self._short.keys()
        if ended:
            async with self._database.write() as conn:
                await books.end_recalls(conn, ended)
            self._ended -= ended
        async with self._database.read() as conn:
            self.contested = frozenset(await books.recalled(conn))
        wanted = [account_id for account_id in self.contested if account_id not in self._short]
        await self._give_back(self._purses[account_id] for account_id in wanted if account_id in self._purses)

    async def return_idle(self) -> None:
        """Give back what has not been used since this was last called, and forget purses that are empty.

        Raises:
            StoreUnavailable: not now.
        """
        idle = [purse for purse in self._purses.values() if not purse.touched and not purse.held_nano]
        for purse in self._purses.values():
            purse.touched = False
        await self._give_back(idle)
        for purse in idle:
            if not purse.total_nano and not purse.touched and purse.account_id not in self._doubtful:
                del self._purses[purse.account_id]

    async def heartbeat(self) -> None:
        """Tell the database that we live, and clear up doubts.

        Raises:
            StoreUnavailable: not now.
        """
        async with self._flusher.lock:
            await self._be_known()
            await self._clear_doubts()

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _demand(self, account_id: int) -> _Demand:
        demand = self._demands.get(account_id)
        if demand is None:
            demand = self._demands[account_id] = _Demand()
        if self._task is None:
            self._task = asyncio.create_task(self._meet_demands())
        return demand

    async def _meet_demands(self) -> None:
        """Meet demands until there are none, everybody's in one go."""
        try:
            while self._demands:
                async with self._flusher.lock:
                    batch, self._demands = self._demands, {}
                    await self._meet(batch)
        finally:
            self._task = None

    async def _meet(self, batch: Mapping[int, _Demand]) -> None:
        fills: dict[int, Fill] = {}
        failure = StoreUnavailable("the books could not be reached")
        try:
            await self._clear_doubts()
            fills = await self._fetch({account_id: demand.need_nano for account_id, demand in batch.items()})
        except (StoreUnavailable, SQLAlchemyError) as error:
            failure.__cause__ = error
            self._quiet_until_ns = time.monotonic_ns() + 1_000 * _NS_PER_MS
        finally:
            for account_id, demand in batch.items():
                for waiter in demand.waiters:
                    if waiter.done():
                        continue
                    if account_id in fills:
                        waiter.set_result(fills[account_id])
                    else:
                        waiter.set_exception(failure)

    async def _fetch(self, needs: Mapping[int, int]) -> dict[int, Fill]:
        """One transaction for all of them."""
        now_ms = self._clock()
        self._doubtful.update(needs)
        async with self._database.write() as conn:
            owners, mine = await books.lock_allotments(conn, self._worker_id, needs)
            if owners.keys() - mine.keys():
                await books.make_allotments(conn, self._database, self._worker_id, owners.keys() - mine.keys(), now_ms)
                owners, mine = await books.lock_allotments(conn, self._worker_id, needs)
            elsewhere = await books.allotted_elsewhere(conn, self._worker_id, needs)
            fills = {
                account_id: self._share(owners.get(account_id), needs[account_id], elsewhere.get(account_id, 0))
                for account_id in needs
            }
            moves = [
                Transfer(debit=account_id, credit=mine[account_id].id, amount_nano=fill.given_nano, kind="allot")
                for account_id, fill in fills.items()
                if fill.given_nano
            ]
            await books.post(conn, moves, now_ms)
        self._doubtful.difference_update(needs)
        for account_id, fill in fills.items():
            self._filled(account_id, fill)
        return fills

    def _share(self, account: Account | None, need_nano: int, elsewhere_nano: int) -> Fill:
        """How much of an account to take: what is needed, and a slice on top while nobody else is short."""
        if account is None:
            return Fill(given_nano=0, left_nano=0, elsewhere_nano=0)
        spare = 0 if account.id in self.contested else min(self._slice(account.id), account.balance_nano // 4)
        given_nano = min(account.balance_nano, need_nano + spare)
        return Fill(given_nano=given_nano, left_nano=account.balance_nano - given_nano, elsewhere_nano=elsewhere_nano)

    def _slice(self, account_id: int) -> int:
        now_ns = time.monotonic_ns()
        last_ns = self._filled_ns.get(account_id)
        size_nano = self._slice_nano.get(account_id, self._slices.least_nano)
        if last_ns is not None:
            soon = now_ns - last_ns < self._slices.horizon_ms * _NS_PER_MS
            size_nano = size_nano * 2 if soon else size_nano // 2
        self._filled_ns[account_id] = now_ns
        self._slice_nano[account_id] = min(max(size_nano, self._slices.least_nano), self._slices.most_nano)
        return self._slice_nano[account_id]

    def _filled(self, account_id: int, fill: Fill) -> None:
        purse = self._purses.setdefault(account_id, Purse(account_id))
        purse.put(fill.given_nano)
        # An account that is empty needs no early filling, it needs money.
        purse.low_nano = self._slice_nano.get(account_id, 0) // 2 if fill.left_nano else 0
        purse.low_nano = min(purse.low_nano, purse.available_nano // 2)
        purse.touched = True
        self.top_ups += 1

    async def _give_back(self, purses: Iterable[Purse]) -> None:
        async with self._flusher.lock:
            amounts = {purse.account_id: purse.take(purse.available_nano) for purse in purses}
            amounts = {account_id: amount_nano for account_id, amount_nano in amounts.items() if amount_nano}
            if not amounts:
                return
            self._doubtful.update(amounts)
            async with self._database.write() as conn:
                await books.return_allotments(conn, self._worker_id, amounts, self._clock())
            self._doubtful.difference_update(amounts)

    async def _be_known(self) -> None:
        """If the others have given us up, our allotments are no longer ours: enter again, and look what is left."""
        at_ns = time.monotonic_ns()
        now_ms = self._clock()
        async with self._database.write() as conn:
            if not await books.touch_worker(conn, self._worker_id, now_ms):
                self._doubtful.update(self._purses)
                await books.register_worker(conn, self._database, self._worker_id, self._node, now_ms)
        self.seen_ns = at_ns

    async def _clear_doubts(self) -> None:
        if not self._doubtful:
            return
        # What the database says can be compared with ours only when it is known which charges it has.
        if self._flusher.in_doubt:
            await self._flusher.flush_batch()
        totals = await self._flusher.totals()
        for account_id in self._doubtful:
            if account_id in totals or account_id in self._purses:
                purse = self._purses.setdefault(account_id, Purse(account_id))
                purse.correct(totals.get(account_id, 0))
        self._doubtful.clear()
