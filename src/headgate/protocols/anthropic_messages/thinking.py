"""Thoughts and how hard to think.

Two halves. `seal` and `unseal` put another vendor's thought into the two fields of a `thinking` block, and take it out
again. `plan` turns a `ReasoningControl` into `thinking` and `output_config.effort` for one model generation:

| asked | until 4.5: `budget` | from 4.6: `adaptive` |
|---|---|---|
| effort minimal, low | 1,024 and 1,280 tokens | low |
| effort medium, high | 2,048 and 4,096 | medium, high |
| effort xhigh, max | 8,192 and 16,384 | xhigh, max |
| a budget | that many, at least 1,024 | low to 1,280, medium to 2,048, high to 8,192, above it max |
| neither | 80 % of the output limit | the model's own default, which is high |

A budget is always smaller than the output limit: one that does not fit becomes 80 % of the limit, and a limit below
1,280 is raised to 1,280 (contract 6.3).
"""

from typing import Any

import msgspec
from msgspec import Struct

from headgate.canonical.parts import ProtocolName, Reasoning, Signature
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort, ReasoningControl
from headgate.canonical.signature import carry, uncarry
from headgate.protocols.anthropic_messages.ids import pack, unpack
from headgate.protocols.anthropic_messages.wire import ORIGIN, Obj

DEFAULT_MAX_TOKENS = 8192
"""The output limit where neither the caller nor the operator names one: every model on sale accepts it."""

_SEAL = "hgr1."
_LEAST_BUDGET = 1024
_LEAST_LIMIT = 1280
_BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 1280,
    "medium": 2048,
    "high": 4096,
    "xhigh": 8192,
    "max": 16384,
}


class _Sealed(Struct, omit_defaults=True, rename={"signature": "s", "redacted": "r", "provider_data": "d"}):
    signature: Signature | None = None
    redacted: Signature | None = None
    id: str | None = None
    summary: bool = False
    provider_data: dict[ProtocolName, dict[str, Any]] = {}


def seal(part: Reasoning) -> str:
    """The `signature` of a thinking block: Anthropic's own unchanged, another vendor's wrapped with whatever else must
    come back with it, empty where there is nothing to return."""
    signature = part.signature
    if signature and signature.origin == ORIGIN:
        return signature.value
    foreign = {name: dict(value) for name, value in part.provider_data.items() if name != ORIGIN}
    if part.redacted is None and part.id is None and not foreign:
        return carry(signature, ORIGIN) if signature else ""
    sealed = _Sealed(signature, part.redacted, part.id, part.summary, foreign)
    return _SEAL + pack(msgspec.json.encode(sealed))


def unseal(thinking: str, signature: str) -> Reasoning:
    """What a thinking block says, whoever thought it."""
    if not signature:
        return Reasoning(text=thinking)
    if signature.startswith(_SEAL):
        try:
            sealed = msgspec.json.decode(unpack(signature.removeprefix(_SEAL)), type=_Sealed)
        except (ValueError, msgspec.DecodeError):
            return Reasoning(text=thinking, signature=Signature(ORIGIN, signature))
        return Reasoning(
            text=thinking,
            signature=sealed.signature,
            redacted=sealed.redacted,
            id=sealed.id,
            summary=sealed.summary,
            provider_data=sealed.provider_data,
        )
    return Reasoning(text=thinking, signature=uncarry(signature, ORIGIN))


class Plan(Struct, frozen=True, kw_only=True):
    """What to send. `active` is whether the model may think, which binds sampling and tool choice."""

    max_tokens: int
    thinking: Obj | None = None
    effort: str | None = None
    active: bool = False


def plan(
    control: ReasoningControl | None, *, origin: ProtocolName, max_output_tokens: int | None, quirks: Quirks
) -> Plan:
    """How to ask this model to think as the caller wants."""
    limit = quirks.max_output_tokens
    asked = min(max_output_tokens, limit) if max_output_tokens and limit else max_output_tokens
    quiet = Plan(max_tokens=limit or DEFAULT_MAX_TOKENS if asked is None else asked)
    native = origin == ORIGIN
    if control is None or quirks.thinking == "none":
        return quiet
    if control.enabled is False or control.effort == "none" or control.budget_tokens == 0:
        return _off(quiet, quirks, native=native)
    if native and control.enabled is None and not control.adaptive:
        return msgspec.structs.replace(quiet, effort=control.effort)
    if quirks.thinking == "budget":
        return _budget(control, asked=asked, limit=limit, native=native)
    thinking: Obj = {"type": "adaptive", **_display(control, adaptive=True, native=native)}
    return msgspec.structs.replace(quiet, thinking=thinking, effort=_effort(control), active=True)


def _off(quiet: Plan, quirks: Quirks, *, native: bool) -> Plan:
    """Older models do not think unless asked to, so nothing need be said to them."""
    if quirks.thinking == "budget" and not native:
        return quiet
    return msgspec.structs.replace(quiet, thinking={"type": "disabled"})


def _budget(control: ReasoningControl, *, asked: int | None, limit: int, native: bool) -> Plan:
    wanted = control.budget_tokens or (_BUDGETS.get(control.effort) if control.effort else None)
    total = (limit or DEFAULT_MAX_TOKENS + (wanted or 0)) if asked is None else asked
    total = max(total, _LEAST_LIMIT)
    fits = wanted is not None and max(wanted, _LEAST_BUDGET) < total
    budget = max(wanted or 0, _LEAST_BUDGET) if fits else max(total * 4 // 5, _LEAST_BUDGET)
    thinking: Obj = {
        "type": "enabled",
        "budget_tokens": budget,
        **_display(control, adaptive=False, native=native),
    }
    effort = control.effort if native and control.budget_tokens else None
    return Plan(max_tokens=total, thinking=thinking, effort=effort, active=True)


def _effort(control: ReasoningControl) -> str | None:
    if control.effort:
        return "low" if control.effort == "minimal" else control.effort
    budget = control.budget_tokens
    if budget is None:
        return None
    for effort, most in (("low", 1280), ("medium", 2048), ("high", 8192)):
        if budget <= most:
            return effort
    return "max"


def _display(control: ReasoningControl, *, adaptive: bool, native: bool) -> Obj:
    """From 4.7 on thoughts are left out unless asked for, and callers of other protocols expect to see them."""
    if control.visible is False:
        return {"display": "omitted"}
    if control.visible and (adaptive or native):
        return {"display": "summarized"}
    if control.visible is None and adaptive and not native:
        return {"display": "summarized"}
    return {}
