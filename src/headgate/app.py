"""The composition root: settings in, a running worker out. Everything is put together here and nowhere else.

`create_app` is what uvicorn calls in each worker process. `Worker.start` opens what the worker needs, in the order in
which it needs it, and `stop` closes it in the opposite order.
"""

import asyncio
import gc
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self

import structlog
from fastapi import FastAPI
from msgspec.structs import replace

from headgate import __version__
from headgate.access.caller import NO_KEY, UNKNOWN_KEY, Caller, admit
from headgate.access.credentials import presented_keys
from headgate.access.directory import KeyDirectory, from_database
from headgate.access.keys import hash_key
from headgate.access.repository import list_groups
from headgate.billing import archive
from headgate.billing.ledger import Ledger, LedgerSettings
from headgate.billing.pricebook import PriceBook
from headgate.billing.prices import stored_prices
from headgate.billing.receipt import Receipt
from headgate.billing.retention import remove_old_receipts
from headgate.canonical.failure import Refused
from headgate.channels.channel import Channel
from headgate.channels.health import HealthBook
from headgate.channels.pins import RETENTION_DAYS, Pins, remove_before
from headgate.channels.repository import PURPOSE, load_channels
from headgate.observe.calls import CallLog
from headgate.observe.logs import set_up_logs
from headgate.observe.metrics import Gauge, Measured, Metrics
from headgate.providers.registry import PROVIDERS
from headgate.relay.pipeline import Parts, Relay
from headgate.relay.signing import Signers
from headgate.relay.snapshot import Snapshot
from headgate.sandbox.server import running_sandbox
from headgate.server import asgi
from headgate.server.account import Account, Standing
from headgate.server.asgi import Readiness, create_asgi
from headgate.server.lane import LaneState, Limits
from headgate.server.listed import Listed
from headgate.settings import Settings
from headgate.store.changes import changes_since, drop_changes, newest_change
from headgate.store.database import Database, StoreUnavailable
from headgate.store.secrets import Sealer, master_key
from headgate.upstream.client import Client
from headgate.upstream.fetch import Fetcher

log = structlog.get_logger()

SANDBOX = "sandbox"
WATCH_S = 0.5
"""How often a worker asks what has changed in the configuration."""
HOUSEKEEPING_S = 3600.0
DAY_MS = 86_400_000
CHANGES_KEPT_MS = 86_400_000


def create_app() -> FastAPI:
    """The application of one worker, configured by the environment; uvicorn's factory."""
    settings = Settings.load()
    set_up_logs(settings.log_format, settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        worker = await Worker.start(settings)
        try:
            yield {"lane": worker.lane, "worker": worker.face()}
        finally:
            await worker.stop()

    return create_asgi(lifespan)


def _secret(settings: Settings) -> str | None:
    return settings.secret_key.get_secret_value() if settings.secret_key is not None else None


def _to_stderr(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Worker:
    """One worker process's share of the gateway. Made by `start`."""

    def __init__(self, settings: Settings, database: Database, sealer: Sealer, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._database = database
        self._sealer = sealer
        self._stack = stack
        self._providers = dict(PROVIDERS)
        self._signers = Signers()
        self._pins = Pins(database)
        self._seen = 0
        self._refusals = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.lane: LaneState
        self.relay: Relay
        self._ledger: Ledger
        self._directory: KeyDirectory
        self._health = HealthBook(time.monotonic)
        self._upstream = Client()
        self._fetcher = Fetcher(settings.fetch_allow)
        self._log = CallLog(_to_stderr)
        self._metrics: Metrics

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Open everything.

        Raises:
            StoreUnavailable: the database cannot be reached.
            JournalFailed: the journal directory cannot be written to.
            ValueError: a setting is wrong.
        """
        stack = AsyncExitStack()
        database = await Database.open(settings.database_address, pool_size=settings.database_pool)
        stack.push_async_callback(database.close)
        sealer = Sealer(master_key(_secret(settings), settings.data), PURPOSE)
        worker = cls(settings, database, sealer, stack)
        try:
            await worker._open()
        except BaseException:
            await stack.aclose()
            raise
        return worker

    async def stop(self) -> None:
        """Close everything; what is settled reaches the books first, if they can be reached."""
        log.info("worker_stopping", worker=self._ledger.worker_id)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._pins.flush()
        await self._ledger.stop()
        self._signers.close()
        await self._upstream.close()
        await self._fetcher.close()
        self._log.close()
        await self._stack.aclose()

    def face(self) -> asgi.Worker:
        """What the ASGI application needs of this worker."""
        account = Account(caller=self._caller, models=self._models, standing=self._standing)
        return asgi.Worker(
            account=account,
            readiness=self._readiness,
            metrics=self._metrics.exposition,
            new_id=self.relay.new_id,
        )

    async def _open(self) -> None:
        # What is loaded by now lives as long as the process: the collector need not look through it ever again, and
        # calls make little garbage that only it could find.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        settings = self._settings
        self._ledger = await Ledger.start(
            self._database,
            settings.data / "journal",
            node=socket.gethostname(),
            clock=now_ms,
            settings=LedgerSettings(sync=settings.journal_fsync),
        )
        self._directory = KeyDirectory(from_database(self._database), time.monotonic)
        parts = Parts(
            ledger=self._ledger,
            directory=self._directory,
            health=self._health,
            upstream=self._upstream,
            fetcher=self._fetcher,
            pins=self._pins,
            settled=self._settled,
            credential_refused=self._credential_was_refused,
        )
        async with self._database.read() as conn:
            self._seen = await newest_change(conn)
        self.relay = Relay(parts, await self._load())
        limits = Limits(
            head_bytes=settings.max_header_bytes,
            head_s=settings.header_timeout_s,
            body_bytes=settings.max_body_bytes,
            body_s=settings.body_timeout_s,
        )
        self.lane = LaneState(serve=self.relay.serve, refuse=self.relay.refuse, limits=limits)
        self._metrics = Metrics(self._gauges())
        log.info("worker_started", worker=self._ledger.worker_id, version=__version__)
        self._tasks = [
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._keep_house()),
            asyncio.create_task(self._pins.run(self._pins_put_off)),
        ]

    # --- configuration ---

    async def _load(self) -> Snapshot:
        async with self._database.read() as conn:
            channels = await load_channels(conn, self._sealer)
            groups = await list_groups(conn)
            prices = PriceBook(await stored_prices(conn), clock=now_ms)
        if any(channel.provider == SANDBOX and not channel.base_url for channel in channels):
            await self._start_sandbox()
        return Snapshot(
            channels=channels,
            prices=prices,
            multipliers_ppm={group.name: group.multiplier_ppm for group in groups},
            providers=self._providers,
            signers=self._signers,
        )

    async def _start_sandbox(self) -> None:
        """Run a sandbox in this process for channels that name the provider and no address."""
        if self._providers[SANDBOX].base_url:
            return
        url = await self._stack.enter_async_context(running_sandbox(port=0))
        self._providers[SANDBOX] = replace(self._providers[SANDBOX], base_url=url)
        log.info("sandbox_started", address=url)

    async def _watch(self) -> None:
        """Follow the log of changes: forget keys that changed, replace the snapshot when anything else did."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._catch_up()
            except StoreUnavailable as error:
                log.warning("configuration_not_watched", error=str(error))
            except ValueError as error:
                log.error("configuration_not_loaded", error=str(error))

    async def _catch_up(self) -> None:
        async with self._database.read() as conn:
            changes = await changes_since(conn, self._seen)
        reload = False
        for change in changes:
            match change.subject:
                case "key" if change.ref is not None:
                    self._directory.forget(change.ref)
                case "user" if change.ref is not None:
                    self._directory.forget_user(change.ref)
                case "key" | "user" | "group":
                    self._directory.clear()
                    reload = True
                case _:
                    reload = True
        if reload:
            self.relay.snapshot = await self._load()
        if changes:
            self._seen = changes[-1].id

    async def _keep_house(self) -> None:
        """Delete receipts that are older than the operator wants to keep, and changes that every worker has seen."""
        days = self._settings.receipts_retention_days
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                if days:
                    await remove_old_receipts(self._database, now_ms=now_ms(), days=days)
                async with self._database.write() as conn:
                    await drop_changes(conn, now_ms() - CHANGES_KEPT_MS)
                await remove_before(self._database, now_ms() - RETENTION_DAYS * DAY_MS)
            except StoreUnavailable as error:
                log.warning("housekeeping_put_off", error=str(error))

    def _pins_put_off(self, error: StoreUnavailable) -> None:
        log.warning("pins_put_off", error=str(error))

    # --- what the pipeline tells ---

    def _settled(self, receipt: Receipt, caller: Caller) -> None:
        """Log and count a finished call."""
        channel = self._channel_name(receipt.channel_id)
        usage = receipt.usage
        self._metrics.record(
            Measured(
                operation=receipt.operation,
                model=receipt.model if receipt.ending != "refused" else "",
                channel=channel,
                ending=receipt.ending,
                status=receipt.status,
                duration_ms=receipt.duration_ms,
                first_byte_ms=receipt.first_byte_ms,
                tokens_in=usage.total_in,
                tokens_out=usage.total_out,
                tokens_cached=usage.cache_read,
                charge_nano=receipt.charge_nano,
                cost_nano=receipt.cost_nano,
                failed_attempts=sum(1 for attempt in receipt.attempts if attempt.reason),
                estimated=receipt.estimated,
            )
        )
        if self._settings.call_log:
            self._log.write(
                {
                    "event": "call",
                    "id": receipt.id,
                    "at": receipt.started_at,
                    "user": caller.user_name,
                    "key": caller.key_name,
                    "model": receipt.model,
                    "channel": channel,
                    "ending": receipt.ending,
                    "status": receipt.status,
                    "tokens_in": usage.total_in,
                    "tokens_out": usage.total_out,
                    "charge_nano": receipt.charge_nano,
                    "attempts": len(receipt.attempts) or 1,
                    "ms": receipt.duration_ms,
                    "first_byte_ms": receipt.first_byte_ms,
                }
            )

    def _credential_was_refused(self, channel: Channel, credential_id: int, reason: str) -> None:
        self._refusals += 1
        log.error("credential_refused", channel=channel.name, credential=credential_id, reason=reason)

    def _channel_name(self, channel_id: int | None) -> str:
        return "" if channel_id is None else self.relay.snapshot.channel_names.get(channel_id, str(channel_id))

    def _gauges(self) -> tuple[Gauge, ...]:
        counters, upstream = self._ledger.counters, self._upstream.stats

        def gauge(name: str, words: str, field: str) -> Gauge:
            return Gauge(name=name, help=words, read=lambda: float(getattr(counters(), field)))

        def total(name: str, words: str, field: str) -> Gauge:
            return Gauge(name=name, help=words, read=lambda: float(getattr(counters(), field)), total=True)

        return (
            Gauge(name="headgate_calls_running", help="Calls under way.", read=lambda: self.relay.running),
            Gauge(name="headgate_connections", help="Client connections.", read=lambda: len(self.lane.connections)),
            Gauge(name="headgate_breakers_open", help="Credentials not used now.", read=self._health.open_count),
            Gauge(
                name="headgate_credential_refusals",
                help="Answers that refused a channel's credential.",
                read=lambda: self._refusals,
                total=True,
            ),
            gauge("headgate_journal_records", "Receipts not yet in the database.", "unflushed"),
            gauge("headgate_journal_bytes", "Size of the journal.", "journal_bytes"),
            gauge("headgate_journal_failing", "1 while the journal cannot be written.", "journal_failing"),
            gauge("headgate_held_nano", "Nano-dollars held for running calls.", "held_nano"),
            gauge("headgate_allotted_nano", "Nano-dollars in this worker's hands, not held.", "available_nano"),
            total("headgate_receipts_flushed", "Receipts brought into the database.", "flushed"),
            total("headgate_flush_errors", "Failed rounds of the ledger's background work.", "flush_errors"),
            total("headgate_top_ups", "Slices fetched from wallets.", "top_ups"),
            total("headgate_recalls", "Times other workers' slices were asked back.", "recalls"),
            total("headgate_overrun_nano", "Nano-dollars used beyond bounds and not charged.", "overrun_nano"),
            Gauge(
                name="headgate_upstream_connections", help="Open upstream connections.", read=lambda: upstream().open
            ),
            Gauge(
                name="headgate_upstream_stale_retries",
                help="Requests sent again because a kept connection was dead.",
                read=lambda: upstream().stale_retries,
                total=True,
            ),
        )

    # --- what the ASGI application asks ---

    async def _caller(self, headers: list[tuple[bytes, bytes]], query: bytes, address: str | None) -> Caller:
        """The caller behind a request; with an address, only if it may come in."""
        keys = presented_keys(headers, query)
        if not keys:
            raise Refused(NO_KEY)
        for key in keys:
            caller = await self._directory.load(hash_key(key))
            if caller is not None:
                failure = admit(caller, now_ms(), address) if address is not None else None
                if failure is not None or not caller.key_enabled:
                    raise Refused(failure or UNKNOWN_KEY)
                return caller
        raise Refused(UNKNOWN_KEY)

    def _models(self, caller: Caller) -> list[Listed]:
        snapshot = self.relay.snapshot
        return [
            Listed(
                name=name,
                owner=snapshot.routes.routes(caller.group, name)[0].channel.provider,
                context=price.context,
                max_output=price.max_output,
            )
            for name in snapshot.routes.models(caller.group)
            if (caller.models is None or name in caller.models)
            and (price := snapshot.price(caller.group, name)) is not None
        ]

    async def _standing(self, caller: Caller) -> Standing:
        left = await self._ledger.balance(caller.wallet_id)
        limit: int | None = None
        async with self._database.read() as conn:
            spent = await archive.spent_nano(conn, key_id=caller.key_id)
        if caller.budget_id is not None:
            limit = await self._ledger.balance(caller.budget_id)
            left = min(left, limit)
        return Standing(spent_nano=spent, left_nano=max(0, left), limit_nano=limit)

    async def _readiness(self) -> Readiness:
        checks = {"journal": "failing" if self._ledger.counters().journal_failing else "ok"}
        try:
            await asyncio.wait_for(self._database.ping(), timeout=2)
            checks["database"] = "ok"
        except (StoreUnavailable, TimeoutError):
            checks["database"] = "unreachable"
        return Readiness(ready=set(checks.values()) == {"ok"}, checks=checks)
