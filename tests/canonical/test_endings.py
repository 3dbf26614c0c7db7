"""Model-name endings that force or forbid thinking."""

import pytest

from headgate.canonical.endings import read_ending
from headgate.canonical.request import ReasoningControl


@pytest.mark.parametrize(
    "name", ["gpt-4o", "claude-opus-4-6", "thinking", "-high", "", "gpt-thinkings", "a-thinking-x"]
)
def test_a_name_without_an_ending_is_left_alone(name: str) -> None:
    """Nothing is read into an ordinary name."""
    assert read_ending(name) == (name, None)


def test_thinking_is_forced() -> None:
    """`-thinking` asks for thoughts, and to see them."""
    assert read_ending("claude-opus-4-5-thinking") == (
        "claude-opus-4-5",
        ReasoningControl(enabled=True, visible=True),
    )


def test_thinking_is_forbidden() -> None:
    """`-nothinking` and a budget of nothing forbid it."""
    off = ReasoningControl(enabled=False)
    assert read_ending("gemini-2.5-flash-nothinking") == ("gemini-2.5-flash", off)
    assert read_ending("gemini-2.5-flash-thinking-0") == ("gemini-2.5-flash", off)


def test_a_budget_is_read() -> None:
    """`-thinking-N` gives a budget in tokens."""
    control = ReasoningControl(enabled=True, budget_tokens=8192, visible=True)
    assert read_ending("gemini-2.5-pro-thinking-8192") == ("gemini-2.5-pro", control)


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_an_effort_is_read(effort: str) -> None:
    """Every effort is an ending, alone or behind `-thinking`."""
    for name in (f"claude-opus-4-6-{effort}", f"claude-opus-4-6-thinking-{effort}"):
        base, control = read_ending(name)
        assert base == "claude-opus-4-6"
        assert control is not None
        assert (control.enabled, control.effort, control.visible) == (True, effort, True)


def test_only_one_ending_is_taken() -> None:
    """A model whose own name ends like this keeps the rest of it."""
    assert read_ending("kimi-k2-turbo-high")[0] == "kimi-k2-turbo"
    assert read_ending("o-low-high")[0] == "o-low"
