"""A worker that is really killed."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from billing.bank import audit, balance, charged, shortfall, start, wallet
from headgate.store.database import Database

GRANTED = 10_000_000

WORKER = """
import asyncio, sys, time
from pathlib import Path
from headgate.billing.ledger import Ledger, LedgerSettings
from headgate.billing.purse import Hold
from headgate.billing.receipt import Receipt
from headgate.billing.supply import Slices
from headgate.store.database import Database

url, directory, account, prefix = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

async def main():
    database = await Database.open(url)
    settings = LedgerSettings(slices=Slices(least_nano=5_000, most_nano=50_000), tick_ms=5, batch_records=7)
    ledger = await Ledger.start(
        database, directory, node="n", clock=lambda: time.time_ns() // 1_000_000, settings=settings
    )
    for number in range(1_000_000):
        hold = await ledger.hold((account,), 100)
        receipt = Receipt(
            id=f"{prefix}{number:020d}", started_at=time.time_ns() // 1_000_000, user_id=1, key_id=1,
            wallet_id=account, model="m", operation="chat", ending="completed", status=200, charge_nano=1 + number % 90,
        )
        final = ledger.settle(hold, receipt)
        sys.stdout.write(f"{final.id} {final.charge_nano}\\n")
        sys.stdout.flush()
        if number % 10 == 0:
            await asyncio.sleep(0)

asyncio.run(main())
"""


def run_until_killed(url: str, directory: Path, account: int, prefix: str, calls: int) -> dict[str, int]:
    """Let a worker settle calls, and kill it after so many; returns what it confirmed."""
    command = [sys.executable, "-c", WORKER, url, str(directory), str(account), prefix]
    confirmed: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own text
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):  # the last line may be torn, too
                receipt_id, charge = line.split()
                confirmed[receipt_id] = int(charge)
            if len(confirmed) == calls:
                process.send_signal(signal.SIGKILL)
    return confirmed


async def test_kill_nine_loses_no_confirmed_call_and_charges_none_twice(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Killed again and again in the middle of settling and flushing: every confirmed call is in the books once, the
    wallet is short of exactly the stored charges, and all slices are back."""
    account = await wallet(database, GRANTED)
    confirmed: dict[str, int] = {}
    for round_number, calls in enumerate((1, 40, 333)):
        confirmed |= run_until_killed(database_url, tmp_path / "j", account, f"r{round_number}-", calls)
    last = await start(database, tmp_path / "j")
    await last.stop()
    stored = await charged(database)
    assert len(confirmed) >= 374
    assert confirmed.items() <= stored.items()
    # A call may have been journaled in the moment of the kill, before it could be confirmed: at most one a round.
    assert len(stored) <= len(confirmed) + 3
    assert await balance(database, account) == GRANTED - sum(stored.values())
    assert await shortfall(database) == 0
    await audit(database)
