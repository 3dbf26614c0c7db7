"""Budgets, levels and the wish to think."""

import pytest

from fakes.google import BUDGET, LEVEL
from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import ReasoningControl
from headgate.protocols.gemini_generate.thinking import decode_thinking, encode_thinking


@pytest.mark.parametrize(
    ("wire", "wish"),
    [
        ({"thinkingBudget": 0}, ReasoningControl(enabled=False)),
        ({"thinkingBudget": -1, "includeThoughts": True}, ReasoningControl(enabled=True, adaptive=True, visible=True)),
        ({"thinkingBudget": 50.0}, ReasoningControl(enabled=True, budget_tokens=50)),
        ({"thinkingLevel": "high"}, ReasoningControl(enabled=True, effort="high")),
        ({"thinkingLevel": "LOW"}, ReasoningControl(enabled=True, effort="low")),
        ({"includeThoughts": False}, ReasoningControl(visible=False)),
        ({}, None),
    ],
)
def test_decoding(wire: dict[str, object], wish: ReasoningControl | None) -> None:
    """Every form Google takes."""
    assert decode_thinking(wire) == wish  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "model", "wire", "dropped"),
    [
        (ReasoningControl(effort="medium"), "gemini-2.5-flash", {"thinkingBudget": 8192}, []),
        (ReasoningControl(effort="high"), "gemini-2.5-pro", {"thinkingBudget": 24576}, []),
        (ReasoningControl(effort="none"), "gemini-2.5-flash", {"thinkingBudget": 0}, []),
        (ReasoningControl(enabled=False), "gemini-2.5-pro", {"thinkingBudget": 128}, ["reasoning.enabled"]),
        (ReasoningControl(budget_tokens=99_999), "gemini-2.5-flash", {"thinkingBudget": 24576}, []),
        (ReasoningControl(budget_tokens=100), "gemini-2.5-flash-lite", {"thinkingBudget": 512}, []),
        (ReasoningControl(enabled=True, adaptive=True), "gemini-2.5-flash", {"thinkingBudget": -1}, []),
    ],
)
def test_encoding_for_budgets(wish: ReasoningControl, model: str, wire: dict[str, object], dropped: list[str]) -> None:
    """2.5 counts tokens, within each model's bounds."""
    assert encode_thinking(wish, Target(model=model, quirks=BUDGET)) == (wire, dropped)


@pytest.mark.parametrize(
    ("wish", "model", "wire", "dropped"),
    [
        (ReasoningControl(effort="xhigh"), "gemini-3-flash", {"thinkingLevel": "high"}, []),
        (ReasoningControl(effort="minimal"), "gemini-3.1-pro", {"thinkingLevel": "low"}, []),
        (ReasoningControl(effort="minimal"), "gemini-3.6-flash", {"thinkingLevel": "minimal"}, []),
        (ReasoningControl(effort="minimal"), "gemini-3.8-flash", {"thinkingLevel": "low"}, []),
        (ReasoningControl(effort="medium"), "gemini-3-pro-preview", {"thinkingLevel": "high"}, []),
        (ReasoningControl(budget_tokens=4000), "gemini-3-flash", {"thinkingLevel": "medium"}, []),
        (ReasoningControl(enabled=False), "gemini-3-flash", {"thinkingLevel": "minimal"}, ["reasoning.enabled"]),
        (ReasoningControl(summary="auto"), "gemini-3-flash", {"includeThoughts": True}, []),
        (ReasoningControl(enabled=True, visible=True), "gemini-3-flash", {"includeThoughts": True}, []),
    ],
)
def test_encoding_for_levels(wish: ReasoningControl, model: str, wire: dict[str, object], dropped: list[str]) -> None:
    """From 3 on there are levels, and no way not to think."""
    assert encode_thinking(wish, Target(model=model, quirks=LEVEL)) == (wire, dropped)


def test_a_model_that_cannot_think_is_not_told_to() -> None:
    """The wish is named; a wish not to think is fulfilled."""
    target = Target(model="gemini-2.0-flash", quirks=Quirks(thinking="none"))
    assert encode_thinking(ReasoningControl(effort="high"), target) == ({}, ["reasoning"])
    assert encode_thinking(ReasoningControl(enabled=False), target) == ({}, [])
