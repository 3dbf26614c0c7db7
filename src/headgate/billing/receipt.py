"""The record of one finished call: what the journal keeps and what the operator and the user are shown."""

from typing import Literal, get_args

from msgspec import Struct

from headgate.canonical.usage import Usage

Ending = Literal[
    "completed",
    "upstream_failed",
    "client_gone",
    "balance_spent",
    "timed_out",
    "empty",
    "refused",
    "task_failed",
    "task_expired",
    "task_cancelled",
]
"""How a call ended. What each costs is the policy of the relay: a completed call its measured usage, one that broke off
what was delivered, all others nothing."""

ENDINGS: tuple[Ending, ...] = get_args(Ending)


class Attempt(Struct, frozen=True, array_like=True):
    """One try at one channel. `status` is the upstream's HTTP status, or 0 where none came; `reason` says in a word why
    it was not the answer (empty for the one that was)."""

    channel_id: int
    status: int
    reason: str
    duration_ms: int


class Receipt(Struct, frozen=True, kw_only=True, array_like=True):
    """One finished call. `id` is the call's id and its `x-request-id`; ids ascend with time.

    `charge_nano` is what the user pays, `cost_nano` what the upstream charges us, `overrun_nano` what was measured but
    could no longer be charged because the hold was a bound. Charges go to `wallet_id`, and to `budget_id` where the key
    has one. New fields are added at the end, with a default: journals of an earlier version must stay readable.
    """

    id: str
    started_at: int
    user_id: int
    key_id: int
    wallet_id: int
    model: str
    operation: str
    ending: Ending
    status: int
    budget_id: int | None = None
    channel_id: int | None = None
    upstream_model: str | None = None
    usage: Usage = Usage()
    charge_nano: int = 0
    cost_nano: int = 0
    overrun_nano: int = 0
    estimated: bool = False
    stream: bool = False
    duration_ms: int = 0
    first_byte_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def accounts(self) -> tuple[int, ...]:
        """The accounts that pay: the wallet, and the budget of a budgeted key."""
        return (self.wallet_id,) if self.budget_id is None else (self.wallet_id, self.budget_id)
