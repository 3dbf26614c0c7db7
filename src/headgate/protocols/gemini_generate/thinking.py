"""How hard to think: Google's budgets (2.5) and levels (3 and later) to and from the canonical wish.

Effort to budget as Google's own OpenAI-compatible endpoint maps them (from the vendor's documentation as remembered,
not re-read): minimal and low 1024, medium 8192, high 24576 tokens. Budgets' bounds and whether thinking can be turned
off: seen 2026-11 in https://docs.rs/gemini-rust/latest/gemini_rust/struct.ThinkingConfig.html and
https://hexdocs.pm/gemini_ex/0.11.0/Gemini.Validation.ThinkingConfig.md; which models know which level: seen 2026-11 in
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking.
"""

import re

from headgate.canonical.parts import Json
from headgate.canonical.quirks import Target
from headgate.canonical.request import Effort, ReasoningControl
from headgate.protocols.gemini_generate.wire import LEVEL_NUMBERS, enum_name, flag, integer, obj

_EFFORT_BUDGET: dict[Effort, int] = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
_EFFORT_LEVEL: dict[Effort, str] = {
    "none": "minimal",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_LEVEL_EFFORT: dict[str, Effort] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_DYNAMIC = -1
_MINIMAL = re.compile(r"gemini-3(?:\.[0-6])?-flash")
"""The Flash models from 3 to 3.6; the later ones begin at "low", and so do the Pro ones."""


def decode_thinking(config: Json) -> ReasoningControl | None:
    """`thinkingConfig` (camelCase) to the wish it stands for; None where it says nothing."""
    where = "generationConfig.thinkingConfig"
    found = obj(config, where)
    budget = integer(found.get("thinkingBudget"), f"{where}.thinkingBudget")
    level = enum_name(found.get("thinkingLevel"), LEVEL_NUMBERS)
    effort = _LEVEL_EFFORT.get((level or "").upper())
    visible = flag(found.get("includeThoughts"), f"{where}.includeThoughts")
    if budget is None and effort is None and visible is None:
        return None
    if budget == 0:
        return ReasoningControl(enabled=False, visible=visible)
    return ReasoningControl(
        enabled=True if effort or budget is not None else None,
        effort=effort,
        budget_tokens=budget if budget is not None and budget > 0 else None,
        adaptive=budget is not None and budget < 0,
        visible=visible,
    )


def encode_thinking(
    wish: ReasoningControl, target: Target, *, native: bool = True
) -> tuple[dict[str, Json], list[str]]:
    """`thinkingConfig` and the names of what could not be had. Elsewhere thoughts that are asked for are shown unless
    told otherwise; Google wants to be asked for that too."""
    if target.quirks.thinking == "none":
        return {}, [] if _off(wish) else ["reasoning"]
    out, dropped = _levels(wish, target.model) if target.quirks.thinking == "level" else _budget(wish, target.model)
    visible = wish.visible
    if visible is None and wish.summary not in {None, "none"}:
        visible = True
    if visible is None and not native and (wish.enabled or wish.effort or wish.budget_tokens):
        visible = True
    if visible is not None:
        out["includeThoughts"] = visible and not _off(wish)
    return out, dropped


def _off(wish: ReasoningControl) -> bool:
    return wish.enabled is False or wish.effort == "none"


def _levels(wish: ReasoningControl, model: str) -> tuple[dict[str, Json], list[str]]:
    if _off(wish):
        # No model from 3 on can be kept from thinking.
        return {"thinkingLevel": _level("minimal", model)}, ["reasoning.enabled"]
    if wish.effort is not None:
        return {"thinkingLevel": _level(_EFFORT_LEVEL[wish.effort], model)}, []
    if wish.budget_tokens is not None:
        return {"thinkingLevel": _level(_nearest(wish.budget_tokens), model)}, []
    return {}, []


def _level(level: str, model: str) -> str:
    if level == "medium" and model.startswith("gemini-3-pro"):
        return "high"
    return "low" if level == "minimal" and not _MINIMAL.match(model) else level


def _nearest(budget: int) -> str:
    if budget <= 1024:
        return "low"
    return "medium" if budget <= 8192 else "high"


def _budget(wish: ReasoningControl, model: str) -> tuple[dict[str, Json], list[str]]:
    lowest, highest = _bounds(model)
    if _off(wish):
        if "pro" in model:
            return {"thinkingBudget": lowest}, ["reasoning.enabled"]
        return {"thinkingBudget": 0}, []
    if wish.budget_tokens is not None:
        return {"thinkingBudget": min(max(wish.budget_tokens, lowest), highest)}, []
    if wish.effort is not None:
        return {"thinkingBudget": max(_EFFORT_BUDGET[wish.effort], lowest)}, []
    if wish.adaptive or wish.enabled:
        return {"thinkingBudget": _DYNAMIC}, []
    return {}, []


def _bounds(model: str) -> tuple[int, int]:
    if "flash-lite" in model:
        return 512, 24576
    return (128, 32768) if "pro" in model else (1, 24576)
