"""The ledger: what the relay knows of money. One a worker.

`try_hold`, `settle` and `release` are arithmetic in memory and one write to the journal; they never wait. `hold` and
`extend` wait for the database when a purse is too low. Everything else happens in the background: filling purses ahead
of need, carrying the journal into the books, answering other workers that are short, replaying the journals of dead
ones.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from headgate.billing.flusher import Flusher
from headgate.billing.journal import MAX_RECORD, Journal, JournalFailed, make_directory
from headgate.billing.posting import encode, storable
from headgate.billing.purse import AlreadyClosed, Hold, Purse, place
from headgate.billing.receipt import Receipt
from headgate.billing.recovery import give_up_silent, replay_orphans
from headgate.billing.supply import Slices, Supply
from headgate.store import books
from headgate.store.database import Database, StoreUnavailable

log = structlog.get_logger()


class LedgerSettings(Struct, frozen=True, kw_only=True):
    """`silence_ms` is how long a worker may be out of touch with the database before the others take its allotments
    back; it stops using them itself after half of that. `recall_ms` is how long a call waits for other workers' slices.
    `sync` makes every journal record wait for the disk: against power cuts, at the price of speed."""

    slices: Slices = Slices()
    tick_ms: int = 250
    idle_ms: int = 10_000
    heartbeat_ms: int = 5_000
    recall_ms: int = 2_000
    silence_ms: int = 3_600_000
    batch_records: int = 1_000
    segment_bytes: int = 64 << 20
    sync: bool = False


class Shortage(Struct, frozen=True):
    """An account cannot pay: what it has in reach of this worker."""

    account_id: int
    available_nano: int


class LedgerCounters(Struct, frozen=True, kw_only=True):
    """The state of the ledger, for metrics. Bytes and counts; `overrun_nano` sums what was measured beyond bounds."""

    unflushed: int
    journal_bytes: int
    journal_failing: bool
    flushed: int
    flush_errors: int
    top_ups: int
    recalls: int
    overrun_nano: int
    held_nano: int
    available_nano: int


class Ledger:
    """Started with `Ledger.start`, ended with `stop`."""

    def __init__(
        self, database: Database, journal: Journal, node: str, clock: Callable[[], int], settings: LedgerSettings
    ) -> None:
        """Use `start`."""
        self._database = database
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._purses: dict[int, Purse] = {}
        self._flusher = Flusher(
            database, journal, journal.worker_id, self._purses, clock, batch_records=settings.batch_records
        )
        self._supply = Supply(database, self._flusher, (journal.worker_id, node), self._purses, clock, settings.slices)
        self._task: asyncio.Task[None] | None = None
        self._giving = True
        self._errors = 0
        self._overrun_nano = 0

    @classmethod
    async def start(
        cls,
        database: Database,
        directory: Path,
        *,
        node: str,
        clock: Callable[[], int],
        settings: LedgerSettings | None = None,
        background: bool = True,
    ) -> "Ledger":
        """Replay what dead workers left in `directory` (made if missing), then begin. `clock` tells milliseconds
        since the epoch. Without `background` nothing happens but what is called, `tick` included.

        Raises:
            StoreUnavailable: the database cannot be reached.
            JournalFailed: the directory cannot be written to.
        """
        settings = settings or LedgerSettings()
        make_directory(directory)
        await _recover(database, directory, clock, settings)
        journal = Journal.start(directory, secrets.token_hex(8), sync=settings.sync)
        async with database.write() as conn:
            await books.return_allotments(conn, journal.worker_id, None, clock())
            await books.register_worker(conn, database, journal.worker_id, node, clock())
        ledger = cls(database, journal, node, clock, settings)
        if background:
            ledger._task = asyncio.create_task(ledger._run(directory))
        return ledger

    @property
    def worker_id(self) -> str:
        return self._journal.worker_id

    def try_hold(self, accounts: tuple[int, ...], amount_nano: int) -> Hold | None:
        """Hold an amount in each of these accounts' purses, if they have it now."""
        if not self._giving:
            return None
        purses = self._purses
        try:
            chosen = tuple([purses[account_id] for account_id in accounts])
        except KeyError:
            return None
        hold = place(chosen, amount_nano)
        for purse in chosen:
            if purse.available_nano < purse.low_nano:
                self._supply.hint(purse.account_id)
        return hold

    async def hold(
        self, accounts: tuple[int, ...], amount_nano: int, minimum_nano: int | None = None
    ) -> Hold | Shortage:
        """Hold an amount, fetching money as needed; if the accounts have less than that but at least the minimum (by
        default, the amount), hold what they have.

        Raises:
            StoreUnavailable: the purses are too low and the database cannot be asked, or the journal cannot be written.
        """
        least_nano = amount_nano if minimum_nano is None else min(minimum_nano, amount_nano)
        if amount_nano == 0:
            for account_id in accounts:
                self._purses.setdefault(account_id, Purse(account_id))
        held = self.try_hold(accounts, amount_nano)
        if held is not None:
            return held
        async with self._gathered(accounts, amount_nano, least_nano):
            return self.try_hold(accounts, amount_nano) or self._hold_what_there_is(accounts, amount_nano, least_nano)

    async def extend(self, hold: Hold, extra_nano: int) -> bool:
        """Hold more for a call that runs, fetching money as needed. False if there is not so much, or if the database
        cannot be asked.

        Raises:
            AlreadyClosed: the hold is settled or released.
        """
        if hold.extend(extra_nano):
            return True
        try:
            async with self._gathered(hold.accounts, extra_nano, extra_nano):
                return hold.open and hold.extend(extra_nano)
        except StoreUnavailable:
            return False

    def release(self, hold: Hold) -> None:
        """Give a hold back, charging nothing and recording nothing.

        Raises:
            AlreadyClosed: it was settled or released before.
        """
        hold.release()

    def settle(self, hold: Hold | None, receipt: Receipt) -> Receipt:
        """Write a finished call into the journal and charge it; the rest of the hold is free again. Returns the receipt
        as recorded: what the hold and its purses cannot pay is an overrun, not a charge. Without a hold the charge must
        be zero (a refused call is recorded too).

        Raises:
            AlreadyClosed: the hold was settled or released before.
            JournalFailed: nothing was recorded or charged, and the hold is still open.
            ValueError: a negative charge, a charge without a hold, or one for other accounts than the hold's.
        """
        if hold is None:
            if receipt.charge_nano:
                raise ValueError("a call without a hold cannot be charged")
            self._write(receipt)
            return receipt
        if not hold.open:
            raise AlreadyClosed(str(hold))
        if receipt.charge_nano < 0 or hold.accounts != receipt.accounts:
            raise ValueError(f"{hold} cannot be settled for {receipt.charge_nano} of {receipt.accounts}")
        if receipt.charge_nano > hold.amount_nano:
            receipt = _bounded(receipt, hold.affords_nano())
        self._write(receipt)
        hold.settle(receipt.charge_nano)
        self._overrun_nano += receipt.overrun_nano
        return receipt

    async def flush(self) -> None:
        """Bring all that has been settled into the books.

        Raises:
            StoreUnavailable: some of it waits in the journal.
        """
        await self._flusher.flush()

    async def balance(self, account_id: int) -> int:
        """What an account can still pay: its own balance and all workers' slices of it, less what this worker has
        charged but not yet brought to the books. (What other workers have is a tick behind.)

        Raises:
            StoreUnavailable: the database cannot be asked.
        """
        async with self._flusher.lock, self._database.read() as conn:
            found = (await books.balances(conn, [account_id])).get(account_id, 0)
            purse = self._purses.get(account_id)
            return found - (purse.owed_nano if purse else 0)

    def counters(self) -> LedgerCounters:
        """The state of this worker's ledger."""
        purses = self._purses.values()
        return LedgerCounters(
            unflushed=self._journal.pending,
            journal_bytes=self._journal.size_bytes,
            journal_failing=self._journal.failing,
            flushed=self._flusher.posted,
            flush_errors=self._errors,
            top_ups=self._supply.top_ups,
            recalls=self._supply.recalls,
            overrun_nano=self._overrun_nano,
            held_nano=sum(purse.held_nano for purse in purses),
            available_nano=sum(purse.available_nano for purse in purses),
        )

    async def tick(self) -> None:
        """One round of background work: flush, rotate, answer recalls.

        Raises:
            StoreUnavailable: the database is away; it is tried again at the next tick.
        """
        self._look_after_journal()
        await self._flusher.flush()
        await self._supply.answer_recalls()

    async def return_idle(self) -> None:
        """Give back what has not been used since the last time.

        Raises:
            StoreUnavailable: at the next time, then.
        """
        await self._supply.return_idle()

    async def heartbeat(self) -> None:
        """Tell the database that this worker lives.

        Raises:
            StoreUnavailable: it does not hear.
        """
        await self._supply.heartbeat()

    async def stop(self) -> None:
        """Flush, give all allotments back, sign off. Calls still running must have been settled. With the database away
        the journal stays behind, to be replayed at the next start."""
        await self._cancel_background()
        self._giving = False
        await self._supply.close()
        try:
            await self._flusher.flush()
            async with self._flusher.lock, self._database.write() as conn:
                await books.return_allotments(conn, self.worker_id, None, self._clock())
                await books.forget_worker(conn, self.worker_id)
        except StoreUnavailable as error:
            log.warning("ledger_stopped_with_journal", unflushed=self._journal.pending, error=str(error))
        finally:
            self._journal.close()

    @asynccontextmanager
    async def _gathered(self, accounts: tuple[int, ...], amount_nano: int, least_nano: int) -> AsyncIterator[None]:
        """Purses filled up to an amount, if their accounts have it. What other workers gave back for us stays with us
        until the block ends: take it there, without waiting."""
        asked: set[int] = set()
        try:
            await self._gather(accounts, amount_nano, least_nano, asked)
            yield
        finally:
            for account_id in asked:
                self._supply.end_recall(account_id)

    async def _gather(self, accounts: tuple[int, ...], amount_nano: int, least_nano: int, asked: set[int]) -> None:
        """Fill the purses; if there is less, wait a while for other workers to give theirs back (`asked` is of which
        accounts), the less time if the least is there."""
        started_ns = time.monotonic_ns()
        while self._giving:
            short = {account_id: need for account_id in accounts if (need := self._lacks(account_id, amount_nano)) > 0}
            if not short:
                return
            fills = await asyncio.gather(*map(self._supply.fill, short, short.values()))
            poor = {
                account_id: fill.elsewhere_nano
                for account_id, fill in zip(short, fills, strict=True)
                if not fill.left_nano and self._lacks(account_id, amount_nano) > 0
            }
            waited_ms = (time.monotonic_ns() - started_ns) // 1_000_000
            if poor and self._is_vain(poor, least_nano, waited_ms):
                return
            for account_id in poor:
                again = account_id in asked
                asked.add(account_id)
                await self._supply.recall(account_id, again=again)
            if poor:
                await asyncio.sleep(timedelta(milliseconds=50).total_seconds())
        raise StoreUnavailable("the ledger is out of touch with its database or its journal")

    def _is_vain(self, poor: Mapping[int, int], least_nano: int, waited_ms: int) -> bool:
        """Whether to stop waiting for accounts that are empty, of which other workers have so much: two of their ticks
        are enough if the call can do with what is there."""
        lacking = [account_id for account_id in poor if self._lacks(account_id, least_nano) > 0]
        if any(not poor[account_id] for account_id in lacking) or not any(poor.values()):
            return True
        patience_ms = self._settings.recall_ms
        return waited_ms >= (patience_ms if lacking else min(2 * self._settings.tick_ms, patience_ms))

    def _lacks(self, account_id: int, amount_nano: int) -> int:
        purse = self._purses.get(account_id)
        return amount_nano - (purse.available_nano if purse else 0)

    def _hold_what_there_is(self, accounts: tuple[int, ...], amount_nano: int, least_nano: int) -> Hold | Shortage:
        available = [
            (max(0, amount_nano - self._lacks(account_id, amount_nano)), account_id) for account_id in accounts
        ]
        poorest_nano, poorest = min(available)
        held = self.try_hold(accounts, min(poorest_nano, amount_nano)) if poorest_nano >= least_nano else None
        return held or Shortage(poorest, poorest_nano)

    def _write(self, receipt: Receipt) -> None:
        try:
            payload = encode(receipt)
        except UnicodeEncodeError:
            payload = encode(storable(receipt))
        if len(payload) > MAX_RECORD:
            payload = encode(storable(receipt))
        try:
            self._journal.append(payload)
        except JournalFailed:
            # No call begins that could not be recorded.
            self._giving = False
            raise

    def _look_after_journal(self) -> None:
        if self._journal.failing:
            self._journal.probe()
        if self._journal.current_bytes >= self._settings.segment_bytes:
            self._journal.rotate()
        silent_ms = (time.monotonic_ns() - self._supply.seen_ns) // 1_000_000
        self._giving = not self._journal.failing and silent_ms < self._settings.silence_ms // 2

    async def _run(self, directory: Path) -> None:
        """Tick for ever; now and then do what is rarer."""
        settings = self._settings
        due = {"heartbeat": 0, "idle": 0, "recover": time.monotonic_ns() // 1_000_000 + settings.heartbeat_ms}
        failures = 0
        while True:
            # While the database is away, ever less often, up to every eight ticks.
            await asyncio.sleep(timedelta(milliseconds=settings.tick_ms << min(failures, 3)).total_seconds())
            now_ms = time.monotonic_ns() // 1_000_000
            try:
                await self.tick()
                if now_ms >= due["heartbeat"]:
                    await self.heartbeat()
                    due["heartbeat"] = now_ms + settings.heartbeat_ms
                if now_ms >= due["idle"]:
                    await self.return_idle()
                    due["idle"] = now_ms + settings.idle_ms
                if now_ms >= due["recover"]:
                    await _recover(self._database, directory, self._clock, settings)
                    due["recover"] = now_ms + 6 * settings.heartbeat_ms
                failures = 0
            except (StoreUnavailable, SQLAlchemyError, JournalFailed) as error:
                failures += 1
                self._errors += 1
                log.warning("ledger_behind", unflushed=self._journal.pending, error=str(error))

    async def _cancel_background(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


def _bounded(receipt: Receipt, affords_nano: int) -> Receipt:
    """The receipt with its charge cut to what can be paid."""
    charge_nano = min(receipt.charge_nano, affords_nano)
    over_nano = receipt.charge_nano - charge_nano
    return replace(receipt, charge_nano=charge_nano, overrun_nano=receipt.overrun_nano + over_nano)


async def _recover(database: Database, directory: Path, clock: Callable[[], int], settings: LedgerSettings) -> None:
    damaged = await replay_orphans(database, directory, clock, batch_records=settings.batch_records)
    for path in damaged:
        log.error("journal_damaged", path=str(path))
    await give_up_silent(database, clock, silence_ms=settings.silence_ms)
