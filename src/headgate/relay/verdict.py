"""What to make of an upstream that did not answer well: pure decisions about retrying, blaming and telling."""

import re

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.failure import Blame, Failure, Kind
from headgate.upstream.errors import (
    ConnectFailed,
    ConnectTimedOut,
    FirstByteTimedOut,
    IdleTimedOut,
    ProxyFailed,
    TlsFailed,
    UpstreamError,
)

# The caller's own mistakes: another channel would say the same.
CALLER_STATUSES = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 416, 422, 431, 451})
CREDENTIAL_STATUSES = frozenset({401, 402, 403})
EXHAUSTED_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"})


class Verdict(Struct, frozen=True, kw_only=True):
    """What follows from a failed attempt.

    Attributes:
        failure: what the caller is told if this was the last attempt.
        retry: whether another channel should be tried.
        reason: a short word for the receipt.
        status: the upstream's HTTP status, 0 where none came.
        credential_at_fault: the credential was refused or is exhausted.
        rate_limited: the upstream asked for a pause.
        healthy: the upstream itself works (the caller's mistake).
    """

    failure: Failure
    retry: bool
    reason: str
    status: int = 0
    credential_at_fault: bool = False
    rate_limited: bool = False
    healthy: bool = False


def of_error_answer(failure: Failure, status: int) -> Verdict:
    """What follows from an upstream's error answer, already decoded."""
    exhausted = failure.code in EXHAUSTED_CODES or failure.type in EXHAUSTED_CODES
    # Google answers a wrong key with 400 (recorded: gemini/error-400, API_KEY_INVALID).
    if status in CREDENTIAL_STATUSES or exhausted or failure.kind is Kind.AUTHENTICATION:
        told = Failure(
            kind=Kind.UNAVAILABLE,
            message="The upstream channel is not available at the moment.",
            blame=Blame.GATEWAY,
        )
        return Verdict(failure=told, retry=True, reason=f"credential_{status}", status=status, credential_at_fault=True)
    if status in CALLER_STATUSES:
        return Verdict(failure=mask(failure), retry=False, reason=f"status_{status}", status=status, healthy=True)
    if status == 429:
        return Verdict(failure=mask(failure), retry=True, reason="rate_limited", status=status, rate_limited=True)
    if status == 404:
        return Verdict(failure=mask(failure), retry=True, reason="status_404", status=status, healthy=True)
    blamed = replace(mask(failure), blame=Blame.UPSTREAM)
    return Verdict(failure=blamed, retry=True, reason=f"status_{status}", status=status)


def of_upstream_error(error: UpstreamError) -> Verdict:
    """What follows from a connection that failed."""
    match error:
        case FirstByteTimedOut() | IdleTimedOut() | ConnectTimedOut():
            kind, words = Kind.TIMED_OUT, "The upstream did not answer in time."
        case ConnectFailed() | TlsFailed() | ProxyFailed():
            kind, words = Kind.UPSTREAM, "The upstream could not be reached."
        case _:
            kind, words = Kind.UPSTREAM, "The upstream broke off its answer."
    failure = Failure(kind=kind, message=words, blame=Blame.UPSTREAM)
    return Verdict(failure=failure, retry=True, reason=_snake(type(error).__name__))


def of_bad_answer(kind: Kind, words: str) -> Verdict:
    """An answer with a good status that is no answer: empty, or not of the protocol."""
    return Verdict(
        failure=Failure(kind=kind, message=words, blame=Blame.UPSTREAM), retry=True, reason=kind.value, status=200
    )


_SECRET = re.compile(r"\b(?:(?:sk|pk|rk|xai|gsk)[-_]|AIza|Bearer )[A-Za-z0-9*_\-.]{6,}")
_ADDRESS = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>)]+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")
_ACCOUNT = re.compile(r"\b(?:org|proj|acct|user|req|request)[-_][A-Za-z0-9]{8,}\b")


def mask(failure: Failure) -> Failure:
    """The failure without secrets, addresses and account names of the operator's upstreams in its words."""
    message = _SECRET.sub("***", failure.message)
    message = _ADDRESS.sub("***", message)
    return replace(failure, message=_ACCOUNT.sub("***", message))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
