"""The pipeline: one call from its first byte to settled. `Relay.serve` tells the story; what it uses are leaves.

What must always hold:
- Money is held before anything goes upstream, and every hold is settled or released exactly once, whatever happens.
- The receipt is in the journal before the last byte of the answer leaves.
- Once a byte of an answer was sent, no other channel is tried.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import random
from time import monotonic, time

import structlog
from msgspec import Struct
from msgspec.structs import replace

from headgate.access.caller import NO_KEY, UNKNOWN_KEY, Caller, admit, may_use
from headgate.access.credentials import presented_keys
from headgate.access.directory import UNKNOWN, KeyDirectory
from headgate.access.keys import hash_key
from headgate.billing.journal import JournalFailed
from headgate.billing.ledger import Ledger, Shortage
from headgate.billing.pricing import covers_text
from headgate.billing.purse import Hold
from headgate.billing.receipt import Attempt, Ending, Receipt
from headgate.canonical.codec import ErrorAnswer, Patch, Peek
from headgate.canonical.endings import read_ending
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.request import ReasoningControl
from headgate.canonical.signature import may_carry_foreign
from headgate.channels.channel import Channel
from headgate.channels.health import HealthBook
from headgate.channels.pins import Pins
from headgate.channels.routes import Route
from headgate.channels.selection import choose
from headgate.relay.answering import NOTHING, answer_stream, answer_whole, canonical_request, is_event_stream
from headgate.relay.asked import Asked
from headgate.relay.bounds import affordable_output, bound, minimum
from headgate.relay.call import Call, Clocks, blank_receipt
from headgate.relay.client import Client
from headgate.relay.clouds import finish, unwrapped
from headgate.relay.codecs import CODECS
from headgate.relay.counting_tokens import count_tokens
from headgate.relay.ids import CallIds
from headgate.relay.inlining import inline_media
from headgate.relay.outbound import with_forwarded
from headgate.relay.responses import StoredResponses
from headgate.relay.settling import Progress, Settling
from headgate.relay.snapshot import Snapshot, Way
from headgate.relay.unsigned import Unsigned
from headgate.relay.verdict import Verdict, of_error_answer, of_upstream_error
from headgate.store.database import StoreUnavailable
from headgate.upstream.answer import Answer
from headgate.upstream.client import Client as UpstreamClient
from headgate.upstream.errors import UpstreamError
from headgate.upstream.fetch import Fetcher
from headgate.upstream.origin import Timeouts

log = structlog.get_logger()

MAX_ATTEMPTS = 8
MAX_ERROR_BYTES = 256 * 1024

STORE_AWAY = Failure(
    kind=Kind.UNAVAILABLE,
    message="The gateway cannot reach its database at the moment. Try again shortly.",
    blame=Blame.GATEWAY,
    retry_after_s=2,
)
STOPPING = Failure(
    kind=Kind.UNAVAILABLE, message="The gateway is restarting. Try again.", blame=Blame.GATEWAY, retry_after_s=1
)
OUR_FAULT = Failure(
    kind=Kind.INTERNAL,
    message="The gateway failed. Nothing was charged; the operator's log says why.",
    blame=Blame.GATEWAY,
)
NOT_UP = Failure(
    kind=Kind.UNAVAILABLE,
    message="No channel for this model is available at the moment. Try again shortly.",
    blame=Blame.GATEWAY,
    code="model_not_found",
)


class Parts(Struct, frozen=True, kw_only=True):
    """What a relay works with."""

    ledger: Ledger
    directory: KeyDirectory
    health: HealthBook
    upstream: UpstreamClient
    fetcher: Fetcher
    pins: Pins
    settled: Callable[[Receipt, Caller], None]
    """Told of every receipt."""
    credential_refused: Callable[[Channel, int, str], None]
    """Told when an upstream refuses a credential: the channel, the credential's id, a reason."""


class Relay:
    """The pipeline of one worker. `snapshot` is replaced whole when the configuration changes."""

    def __init__(self, parts: Parts, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.running = 0
        self._ledger = parts.ledger
        self._directory = parts.directory
        self._health = parts.health
        self._upstream = parts.upstream
        self._fetcher = parts.fetcher
        self._stored = StoredResponses(parts.pins, parts.upstream, lambda: int(time() * 1000))
        self._settling = Settling(parts.ledger, parts.settled, self._stored.made)
        self._credential_refused = parts.credential_refused
        self._ids = CallIds()
        self._turn = 0

    async def serve(self, client: Client, asked: Asked) -> None:
        """Take one call from its request to settled. Cancelled when the client leaves or the gateway shuts down; raises
        nothing else."""
        clocks = Clocks(int(time() * 1000), monotonic())
        call_id = self._ids.next(clocks.started_ms)
        client.named(call_id)
        self.running += 1
        try:
            caller = await self._identify(client)
            await self._serve(client, asked, caller, blank_receipt(call_id, clocks, asked, caller), clocks)
        except Refused as refused:
            client.refuse(CODECS[asked.protocol].encode_error(refused.failure, call_id))
        except asyncio.CancelledError:
            if not client.gone:
                raise
        except Exception:
            # The edge: a fault of ours ends this call, told as such, and no other.
            log.exception("call_failed", id=call_id, path=client.path.decode("latin-1"))
            client.abort(CODECS[asked.protocol].encode_error(OUR_FAULT, call_id))
        finally:
            self.running -= 1

    async def _serve(self, client: Client, asked: Asked, caller: Caller, record: Receipt, clocks: Clocks) -> None:
        """The call of a known caller: whatever happens to it leaves a receipt."""
        try:
            barred = admit(caller, clocks.started_ms, client.address)
            if barred is not None:
                raise Refused(barred)
            if asked.operation == "stored":
                await self._stored.serve(client, asked, caller, self.snapshot)
                self._settling.free(record, caller)
                return
            body = client.body()
            peek = CODECS[asked.protocol].peek(body, asked.model)
            if asked.stream:
                peek = replace(peek, stream=True)
            record = replace(record, model=peek.model, stream=peek.stream)
            if asked.operation != "chat":
                await self._without_charge(client, asked, caller, record, body)
                return
            call = self._plan(record.id, clocks, client, asked, caller, body, peek)
            if asked.protocol == "openai_responses":
                call = await self._stored.placed(call)
            hold = await self._hold(call)
        except Refused as refused:
            self._settling.refused(record, caller, refused.failure.http_status)
            raise
        await self._carry(call, hold)

    def refuse(self, asked: Asked, failure: Failure) -> tuple[str, ErrorAnswer]:
        """An error answer for a request that never became a call, and the id it carries."""
        call_id = self.new_id()
        return call_id, CODECS[asked.protocol].encode_error(failure, call_id)

    def new_id(self) -> str:
        """A fresh call id."""
        return self._ids.next(int(time() * 1000))

    # --- who asks, for what, and can it be paid ---

    async def _identify(self, client: Client) -> Caller:
        keys = presented_keys(client.headers, client.query)
        if not keys:
            raise Refused(NO_KEY)
        caller: Caller | None = None
        for key in keys:
            caller = await self._caller(hash_key(key))
            if caller is not None:
                break
        if caller is None:
            raise Refused(UNKNOWN_KEY)
        return caller

    async def _caller(self, digest: bytes) -> Caller | None:
        known = self._directory.get(digest)
        if known is not UNKNOWN:
            return known
        try:
            return await self._directory.load(digest)
        except StoreUnavailable:
            raise Refused(STORE_AWAY) from None

    def _plan(
        self, call_id: str, clocks: Clocks, client: Client, asked: Asked, caller: Caller, body: bytes, peek: Peek
    ) -> Call:
        """What is asked, by whom, which routes there are and what it may cost."""
        snapshot = self.snapshot
        reasoning: ReasoningControl | None = None
        routes = snapshot.routes.routes(caller.group, peek.model)
        if not routes:
            # Only a name that is not offered as it stands may have an ending that asks for thinking.
            base, reasoning = read_ending(peek.model)
            routes = snapshot.routes.routes(caller.group, base) if reasoning is not None else ()
            if not routes:
                raise Refused(_unknown_model(peek.model))
            peek = replace(peek, model=base)
        failure = may_use(caller, peek.model)
        if failure is not None:
            raise Refused(failure)
        price = snapshot.price(caller.group, peek.model, peek.service_tier)
        if price is None or not covers_text(price):
            # A price per image, say, knows nothing of chat, and must not make it free.
            raise Refused(_unpriced(peek.model))
        multiplier_ppm = snapshot.multiplier_ppm(caller.group)
        return Call(
            id=call_id,
            clocks=clocks,
            client=client,
            asked=asked,
            codec=CODECS[asked.protocol],
            caller=caller,
            body=body,
            peek=peek,
            snapshot=snapshot,
            routes=routes,
            price=price,
            multiplier_ppm=multiplier_ppm,
            bounds=bound(peek, price, multiplier_ppm, price.max_output),
            reasoning=reasoning,
        )

    async def _hold(self, call: Call) -> Hold:
        caller, bounds = call.caller, call.bounds
        accounts = (caller.wallet_id,) if caller.budget_id is None else (caller.wallet_id, caller.budget_id)
        hold = self._ledger.try_hold(accounts, bounds.amount_nano)
        if hold is not None:
            return hold
        try:
            least = minimum(bounds, call.price, call.multiplier_ppm, call.peek.n)
            held = await self._ledger.hold(accounts, bounds.amount_nano, least)
        except StoreUnavailable:
            raise Refused(STORE_AWAY) from None
        if isinstance(held, Shortage):
            raise Refused(_short(budget=held.account_id == caller.budget_id))
        return held

    async def _without_charge(self, client: Client, asked: Asked, caller: Caller, record: Receipt, body: bytes) -> None:
        """Operations that cost nothing: counting tokens, and those that we do not know."""
        if asked.operation != "count_tokens":
            message = f"The action '{asked.name[:100]}' is not supported."
            raise Refused(Failure(kind=Kind.NOT_FOUND, message=message, code="not_found"))
        counted = await count_tokens(client, asked, caller, record.model, body, self.snapshot, self._upstream)
        self._settling.free(record, caller)
        client.answer(200, {"content-type": "application/json"}, counted)

    # --- upstream and back ---

    async def _carry(self, call: Call, hold: Hold) -> None:
        """Try one channel after the other until one has answered or none is left."""
        progress = Progress(hold=hold)
        tried: set[int] = set()
        verdict: Verdict | None = None
        try:
            while len(tried) < MAX_ATTEMPTS:
                way = self._choose(call, tried)
                if way is None:
                    break
                progress.way = way
                progress.began_s = monotonic()
                verdict = await self._attempt(call, progress)
                if verdict is None:
                    return
                attempt = Attempt(
                    way.route.channel.id, verdict.status, verdict.reason, int((monotonic() - progress.began_s) * 1000)
                )
                progress.attempts = (*progress.attempts, attempt)
                if not verdict.retry:
                    break
            self._give_up(call, progress, verdict)
        except asyncio.CancelledError:
            if hold.open:
                self._abandoned(call, progress)
            raise
        except Exception:
            # Told and logged by `serve`; here it leaves a receipt, so that the operator finds the call.
            if hold.open:
                with suppress(JournalFailed):
                    self._settling.uncharged(call, progress, "upstream_failed", OUR_FAULT.http_status)
            raise
        finally:
            if hold.open:
                self._ledger.release(hold)

    def _choose(self, call: Call, tried: set[int]) -> Way | None:
        """The next way to try; its channel counts as tried. A channel that cannot be used as it is configured is
        passed over, and the operator told."""
        while (route := choose(call.routes, tried=tried, healthy=self._usable, draw=random)) is not None:
            tried.add(route.channel.id)
            try:
                wanted, credential = call.asked.protocol, self._credential(route, call.credential_id)
                return call.snapshot.way(route, credential, wanted, search=call.peek.web_search)
            except ValueError as error:
                log.error("channel_misconfigured", channel=route.channel.name, error=str(error))
        return None

    def _usable(self, route: Route) -> bool:
        usable, model = self._health.usable, route.upstream_model
        return any(usable(credential_id, model) for credential_id, _ in route.channel.credentials)

    def _credential(self, route: Route, wanted: int | None) -> tuple[int, str]:
        """The one that is wanted; else the channel's credentials take turns, and those that are cooling down are passed
        over."""
        credentials = route.channel.credentials
        if wanted is not None:
            return next(each for each in credentials if each[0] == wanted)
        if len(credentials) == 1:
            return credentials[0]
        usable = [each for each in credentials if self._health.usable(each[0], route.upstream_model)]
        self._turn += 1
        return usable[self._turn % len(usable)]

    async def _attempt(self, call: Call, progress: Progress) -> Verdict | None:
        """Ask one channel. None when the call is settled and answered."""
        way = progress.way
        assert way is not None
        credential, model = way.credential_id, way.route.upstream_model
        try:
            head, body = await self._request(call, progress, way)
        except Refused as refused:
            # This channel's protocol cannot say it; another channel's may.
            return Verdict(failure=refused.failure, retry=True, reason="cannot_express", healthy=True)
        self._health.begin(credential, model)
        verdict: Verdict | None = None
        judged = False
        try:
            verdict = await self._exchange(call, progress, head, body)
            judged = True
        finally:
            if not judged:
                self._health.spared(credential, model)
        self._judge(way, verdict, broke=bool(progress.fault))
        return verdict

    async def _exchange(self, call: Call, progress: Progress, head: bytes, body: bytes) -> Verdict | None:
        way = progress.way
        assert way is not None
        channel = way.route.channel
        timeouts = Timeouts(channel.connect_s, channel.first_byte_s, channel.idle_s)
        outbound = way.outbound
        try:
            if outbound.special:
                head, body = await finish(outbound, head, body, call.client.headers)
            answer = await self._upstream.send(outbound.origin, head, body, timeouts)
        except Unsigned as unsigned:
            return unsigned.verdict
        except UpstreamError as error:
            return of_upstream_error(error)
        if outbound.special:
            answer = unwrapped(answer)
        try:
            if not 200 <= answer.status < 300:
                return await self._error_answer(way, answer)
            if call.peek.stream and is_event_stream(answer):
                return await answer_stream(call, progress, answer, self._settling)
            return await answer_whole(call, progress, answer, self._settling)
        finally:
            answer.close()

    async def _request(self, call: Call, progress: Progress, way: Way) -> tuple[bytes, bytes]:
        """The request that goes upstream: the caller's own bytes where the channel speaks the caller's protocol."""
        outbound, peek = way.outbound, call.peek
        head = outbound.stream_head if peek.stream else outbound.head
        head = with_forwarded(head, outbound.forwarded, call.client.headers)
        limit = None if peek.stream else _affordable(call, progress.hold)
        if outbound.protocol == call.asked.protocol and call.reasoning is None and _passes(call, way):
            renamed = outbound.target.model if outbound.target.model != peek.model else None
            ask_usage = peek.stream and not peek.wants_usage and outbound.target.quirks.stream_usage
            # Also where nothing is to be changed: a body that could be read in two ways is put straight.
            return head, call.codec.patch(call.body, Patch(model=renamed, max_output_tokens=limit, ask_usage=ask_usage))
        request = canonical_request(call)
        if outbound.protocol != call.asked.protocol and call.codec.check_portable is not None:
            call.codec.check_portable(request)
        if call.reasoning is not None:
            request = replace(request, reasoning=call.reasoning)
        if limit is not None:
            request = replace(request, max_output_tokens=limit)
        if outbound.protocol == "openai_chat" and peek.stream and outbound.target.quirks.stream_usage:
            request = replace(request, include_usage=True)
        request = await inline_media(request, outbound.target.quirks, self._fetcher)
        encoded = CODECS[outbound.protocol].encode_request(request, outbound.target)
        progress.dropped = encoded.dropped
        return head, encoded.body

    async def _error_answer(self, way: Way, answer: Answer) -> Verdict:
        try:
            body = await answer.read(MAX_ERROR_BYTES)
        except UpstreamError as error:
            return of_upstream_error(error)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        failure = CODECS[way.outbound.protocol].decode_error(answer.status, headers, body)
        return of_error_answer(failure, answer.status)

    def _judge(self, way: Way, verdict: Verdict | None, *, broke: bool) -> None:
        """What an attempt says about its credential's health."""
        credential, model = way.credential_id, way.route.upstream_model
        if verdict is None and broke:
            self._health.failed(credential, model)
        elif verdict is None or verdict.healthy:
            self._health.succeeded(credential, model)
        elif verdict.credential_at_fault:
            self._health.failed(credential, model, retry_after_s=60)
            self._credential_refused(way.route.channel, credential, verdict.reason)
        elif verdict.rate_limited:
            self._health.rate_limited(credential, model, verdict.failure.retry_after_s)
        else:
            self._health.failed(credential, model)

    # --- bad endings ---

    def _give_up(self, call: Call, progress: Progress, verdict: Verdict | None) -> None:
        """No channel has answered: nothing is charged, and the caller is told the last failure."""
        if verdict is None:
            ways = [(key, route.upstream_model) for route in call.routes for key, _ in route.channel.credentials]
            failure = replace(NOT_UP, retry_after_s=self._health.retry_after_s(ways) or 5)
        else:
            failure = verdict.failure
        self._settle_uncharged(call, progress, failure)
        call.client.refuse(call.codec.encode_error(failure, call.id))

    def _settle_uncharged(self, call: Call, progress: Progress, failure: Failure) -> None:
        ending: Ending
        match failure.kind:
            case Kind.TIMED_OUT:
                ending = "timed_out"
            case Kind.EMPTY:
                ending = "empty"
            case _ if failure.blame is Blame.CALLER:
                ending = "refused"
            case _:
                ending = "upstream_failed"
        # Where even this cannot be written down, the caller is still told what happened; the hold is released below.
        with suppress(JournalFailed):
            self._settling.uncharged(call, progress, ending, failure.http_status)

    def _abandoned(self, call: Call, progress: Progress) -> None:
        """The client left before an answer had begun: the upstream is at work on its input, which is charged. Or the
        gateway shuts down: nothing is."""
        with suppress(JournalFailed):
            if call.client.gone:
                self._settling.charged(call, progress, "client_gone", None, NOTHING)
                return
            self._settling.uncharged(call, progress, "upstream_failed", STOPPING.http_status)
        call.client.refuse(call.codec.encode_error(STOPPING, call.id))


def _passes(call: Call, way: Way) -> bool:
    """Whether the body can go as it came: nothing in it is wrapped by us, and the upstream takes all that it holds."""
    passes = call.codec.passes
    return not may_carry_foreign(call.body) and (passes is None or passes(call.body, way.outbound.target.quirks))


def _affordable(call: Call, hold: Hold) -> int | None:
    return affordable_output(call.bounds, hold.amount_nano, call.price, call.multiplier_ppm, call.peek.n)


def _unknown_model(model: str) -> Failure:
    return Failure(
        kind=Kind.MODEL_NOT_FOUND,
        message=f"The model '{model[:200]}' does not exist, or this key may not use it.",
        code="model_not_found",
        param="model",
    )


def _unpriced(model: str) -> Failure:
    return Failure(
        kind=Kind.MODEL_PRICE,
        message=f"The model '{model[:200]}' has no price yet, so it cannot be used. Ask the operator to set one.",
        code="model_price_error",
        param="model",
    )


def _short(*, budget: bool) -> Failure:
    if budget:
        return Failure(kind=Kind.KEY_BUDGET_SPENT, message="This key's spending limit does not cover the call.")
    return Failure(kind=Kind.INSUFFICIENT_BALANCE, message="The balance does not cover the call.")
