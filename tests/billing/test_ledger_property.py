"""Whatever happens to workers, in whatever order, the books are right."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from billing.bank import allotted, audit, balance, budget, charged, kill, receipt, shortfall, start, wallet
from headgate.billing.ledger import Ledger
from headgate.billing.purse import Hold
from headgate.store.database import Database

WORKERS = 3
GRANTED = 1_000


class Step(Struct, frozen=True):
    """One thing that happens to one worker, with an amount and a choice among its holds."""

    what: str
    worker: int
    amount_nano: int
    pick: int


CALLS = ("hold", "settle", "settle", "extend", "release", "refuse")
EVENTS = ("flush", "tick", "idle", "heartbeat", "rotate", "kill", "tear", "stop")

steps = st.builds(
    Step,
    what=st.one_of(st.sampled_from(CALLS), st.sampled_from(CALLS), st.sampled_from(EVENTS)),
    worker=st.integers(0, WORKERS - 1),
    amount_nano=st.integers(1, 200),
    pick=st.integers(0, 9),
)


class World:
    """Workers on one database and one directory, and what they have confirmed to callers."""

    def __init__(self, database: Database, directory: Path, accounts: tuple[int, ...]) -> None:
        self.database = database
        self.directory = directory
        self.accounts = accounts
        self.workers: list[Ledger | None] = [None] * WORKERS
        self.holds: list[list[Hold]] = [[] for _ in range(WORKERS)]
        self.confirmed: dict[str, int] = {}

    async def play(self, history: list[Step]) -> None:
        """Take all steps, then end every worker in one way or another, and start a last one that tidies up."""
        for step in history:
            await self.take(step)
            assert sum(self.confirmed.values()) <= GRANTED
        for number, ledger in enumerate(self.workers):
            if ledger is not None:
                await self.take(Step("kill" if number % 2 else "stop", number, 0, 0))
        last = await start(self.database, self.directory)
        await last.stop()

    async def take(self, step: Step) -> None:
        ledger = self.workers[step.worker]
        if ledger is None:
            ledger = self.workers[step.worker] = await start(self.database, self.directory)
        holds = self.holds[step.worker]
        if step.what == "hold" or (not holds and step.what in {"settle", "release", "extend"}):
            taken = await ledger.hold(self.accounts, step.amount_nano, step.amount_nano // 2)
            if isinstance(taken, Hold):
                holds.append(taken)
        hold = holds.pop(step.pick % len(holds)) if holds and step.what in {"settle", "release", "extend"} else None
        match step.what:
            case "extend" if hold is not None:
                await ledger.extend(hold, step.amount_nano)
                holds.append(hold)
            case "settle" if hold is not None:
                final = ledger.settle(hold, receipt(self.accounts, 2 * step.amount_nano * step.pick // 9))
                self.confirmed[final.id] = final.charge_nano
            case "release" if hold is not None:
                ledger.release(hold)
            case "refuse":
                self.confirmed[ledger.settle(None, receipt(self.accounts, ending="refused")).id] = 0
            case "flush":
                await ledger.flush()
            case "tick":
                await ledger.tick()
            case "idle":
                await ledger.return_idle()
            case "heartbeat":
                await ledger.heartbeat()
            case "rotate":
                ledger._journal.rotate()
            case "kill" | "tear":
                await kill(ledger, torn=b"\x50\x00\x00\x00\x01\x02" if step.what == "tear" else b"")
                self.bury(step.worker)
            case "stop":
                for each in holds:
                    ledger.release(each)
                await ledger.stop()
                self.bury(step.worker)

    def bury(self, worker: int) -> None:
        self.workers[worker] = None
        self.holds[worker] = []


async def live(database: Database, history: list[Step], *, budgeted: bool) -> None:
    """Play a history on fresh accounts and check the books."""
    payer = await wallet(database, GRANTED)
    accounts = (payer, await budget(database, GRANTED // 2)) if budgeted else (payer,)
    before = await charged(database)
    with tempfile.TemporaryDirectory() as directory:
        world = World(database, Path(directory), accounts)
        await world.play(history)
    stored = await charged(database)
    assert {receipt_id: stored[receipt_id] for receipt_id in stored.keys() - before.keys()} == world.confirmed
    spent = sum(world.confirmed.values())
    assert await balance(database, payer) == GRANTED - spent
    assert not budgeted or await balance(database, accounts[-1]) == GRANTED // 2 - spent
    assert await shortfall(database) == 0
    assert await allotted(database, accounts) == 0
    await audit(database)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=15, max_size=40), budgeted=st.booleans())
def test_no_history_of_workers_loses_or_doubles_money(database_url: str, history: list[Step], budgeted: bool) -> None:
    """After any sequence of holds, settlements, flushes, crashes and restarts of several workers: every confirmed
    call is stored once with its charge, the accounts are short of exactly that, and nothing ever went below zero."""

    async def run() -> None:
        database = await Database.open(database_url)
        try:
            await live(database, history, budgeted=budgeted)
        finally:
            await database.close()

    asyncio.run(run())
