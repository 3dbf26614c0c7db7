"""The last act of every call: what it used, what it costs, and its receipt in the journal."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic, time

from msgspec import Struct
from msgspec.structs import replace

from headgate.access.caller import Caller
from headgate.billing.journal import JournalFailed
from headgate.billing.ledger import Ledger
from headgate.billing.pricing import charge
from headgate.billing.purse import Hold
from headgate.billing.receipt import Attempt, Ending, Receipt
from headgate.canonical.codec import Delivered
from headgate.canonical.failure import Refused
from headgate.canonical.usage import Usage
from headgate.relay.bounds import estimate_input
from headgate.relay.call import Call
from headgate.relay.counting import count_delivered, count_request
from headgate.relay.snapshot import Way
from headgate.store.database import StoreUnavailable


class Progress(Struct, kw_only=True):
    """How far a call has come, for whoever has to settle it: the money held, which way is being tried, what failed
    before, when the first byte of the answer left. The one thing in the pipeline that changes as a call runs."""

    hold: Hold
    way: Way | None = None
    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[str, ...] = ()
    first_byte_ms: int | None = None
    response_id: str | None = None
    """The upstream's id of an answer that it may be asked for again."""
    began_s: float = 0.0
    """When the attempt under way began, on the monotonic clock."""
    fault: str = ""
    """Why the upstream broke off an answer that had begun."""


class Settling:
    """Settles the calls of one worker.

    Args:
        ledger: the worker's ledger.
        observe: told of every receipt that was journaled.
        made: told of every completed answer that its upstream can be asked for again: by whom, its way, its id.
    """

    def __init__(
        self,
        ledger: Ledger,
        observe: Callable[[Receipt, Caller], None],
        made: Callable[[Call, Way, str], None],
    ) -> None:
        self._ledger = ledger
        self._observe = observe
        self._made = made

    async def extend(self, hold: Hold, extra_nano: int) -> bool:
        """Hold more, if the wallet has it; waits for the database where the worker's purse is empty."""
        try:
            return await self._ledger.extend(hold, extra_nano)
        except StoreUnavailable:
            return False

    def charged(
        self, call: Call, progress: Progress, ending: Ending, usage: Usage | None, delivered: Delivered
    ) -> Receipt:
        """Settle a call that delivered something: by the upstream's report, or by our own count where it gave none. An
        answer that broke off has at best a report of its beginning: what was delivered after it is counted.

        Raises:
            JournalFailed: the receipt could not be written; nothing was charged and the hold is released.
        """
        estimated = usage is None or ending != "completed"
        if usage is None:
            usage = self._counted(call, delivered)
        elif ending != "completed":
            counted = count_delivered(delivered)
            usage = replace(
                usage,
                output=max(usage.output, counted.output),
                reasoning=max(usage.reasoning, counted.reasoning),
            )
        way = progress.way
        cost = call.snapshot.cost(way, call.peek.service_tier) if way is not None else None
        charge_nano = charge(call.price, usage, call.multiplier_ppm)
        cost_nano = charge(cost, usage) if cost is not None else 0
        record = self._record(call, progress, ending, 200)
        record = replace(record, usage=usage, estimated=estimated, charge_nano=charge_nano, cost_nano=cost_nano)
        final = self._settle(call, progress.hold, record)
        # Only a response of the Responses API, told as it came, can be asked for again.
        told_as_it_came = way is not None and way.outbound.protocol == call.asked.protocol == "openai_responses"
        if told_as_it_came and ending == "completed" and way is not None and progress.response_id is not None:
            self._made(call, way, progress.response_id)
        return final

    def uncharged(self, call: Call, progress: Progress, ending: Ending, status: int) -> Receipt:
        """Settle a call that cost nothing.

        Raises:
            JournalFailed: as above.
        """
        return self._settle(call, progress.hold, self._record(call, progress, ending, status))

    def refused(self, record: Receipt, caller: Caller, status: int) -> None:
        """Keep the record of a call that was refused before any money was held."""
        self._keep(replace(record, status=status), caller)

    def free(self, record: Receipt, caller: Caller) -> None:
        """Keep the record of a call that was answered and costs nothing."""
        self._keep(replace(record, ending="completed", status=200), caller)

    def _keep(self, record: Receipt, caller: Caller) -> None:
        # A record without money that cannot be written is let go: nothing depends on it.
        duration_ms = int(time() * 1000) - record.started_at
        with suppress(JournalFailed):
            final = self._ledger.settle(None, replace(record, duration_ms=max(0, duration_ms)))
            self._observe(final, caller)

    def _record(self, call: Call, progress: Progress, ending: Ending, status: int) -> Receipt:
        caller, peek = call.caller, call.peek
        route = progress.way.route if progress.way is not None else None
        return Receipt(
            id=call.id,
            started_at=call.clocks.started_ms,
            user_id=caller.user_id,
            key_id=caller.key_id,
            wallet_id=caller.wallet_id,
            budget_id=caller.budget_id,
            model=peek.model,
            operation=call.asked.operation,
            ending=ending,
            status=status,
            channel_id=route.channel.id if route is not None else None,
            upstream_model=route.upstream_model if route is not None and route.upstream_model != peek.model else None,
            stream=peek.stream,
            duration_ms=int((monotonic() - call.clocks.began_s) * 1000),
            first_byte_ms=progress.first_byte_ms,
            attempts=_attempts(progress, ending),
            dropped=progress.dropped,
        )

    def _settle(self, call: Call, hold: Hold, record: Receipt) -> Receipt:
        final = self._ledger.settle(hold, record)
        self._observe(final, call.caller)
        return final

    def _counted(self, call: Call, delivered: Delivered) -> Usage:
        try:
            request = call.codec.decode_request(call.body, call.asked.model, call.asked.stream)
            input_tokens = count_request(request)
        except Refused:
            # The upstream took what our decoder would not: fall back to the estimate by size.
            input_tokens = estimate_input(call.peek)
        return replace(count_delivered(delivered), input=input_tokens)


def _attempts(progress: Progress, ending: Ending) -> tuple[Attempt, ...]:
    """Every attempt with its reason, the one that answered last; none where the first one simply answered."""
    answered = progress.fault or (progress.attempts and ending in {"completed", "client_gone", "balance_spent"})
    if progress.way is None or not answered:
        return progress.attempts
    duration_ms = int((monotonic() - progress.began_s) * 1000)
    return (*progress.attempts, Attempt(progress.way.route.channel.id, 200, progress.fault, duration_ms))
