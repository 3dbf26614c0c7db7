"""One call, once it is known who asks for what and that it can be paid: the value the later stages work from."""

from msgspec import Struct

from headgate.access.caller import Caller
from headgate.billing.pricing import Price
from headgate.billing.receipt import Receipt
from headgate.canonical.codec import Codec, Peek
from headgate.canonical.request import ReasoningControl
from headgate.channels.routes import Route
from headgate.relay.asked import Asked
from headgate.relay.bounds import Bound
from headgate.relay.client import Client
from headgate.relay.snapshot import Snapshot


class Clocks(Struct, frozen=True):
    """When a call began: Unix milliseconds, and seconds of the monotonic clock for durations."""

    started_ms: int
    began_s: float


class Call(Struct, frozen=True, kw_only=True):
    """What is known of a call before the first attempt."""

    id: str
    clocks: Clocks
    client: Client
    asked: Asked
    codec: Codec
    caller: Caller
    body: bytes
    peek: Peek
    snapshot: Snapshot
    routes: tuple[Route, ...]
    price: Price
    multiplier_ppm: int
    bounds: Bound
    credential_id: int | None = None
    """The one credential that may be used, where the request leans on what only that one knows."""
    stored: bool = True
    """The caller lets the upstream keep the response (Responses API)."""
    reasoning: ReasoningControl | None = None
    """How hard to think, where the model's name says so (`…-thinking`); the request is then re-encoded with it."""


def blank_receipt(call_id: str, clocks: Clocks, asked: Asked, caller: Caller) -> Receipt:
    """The receipt of a call that was refused before anything else was known."""
    return Receipt(
        id=call_id,
        started_at=clocks.started_ms,
        user_id=caller.user_id,
        key_id=caller.key_id,
        wallet_id=caller.wallet_id,
        budget_id=caller.budget_id,
        model=asked.model or "",
        operation=asked.operation,
        ending="refused",
        status=0,
    )
