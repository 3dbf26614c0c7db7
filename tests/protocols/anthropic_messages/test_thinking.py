"""Thoughts of other vendors in a thinking block, and how hard to think per model generation."""

import pytest

from headgate.canonical.parts import Reasoning, Signature
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort, ReasoningControl
from headgate.protocols.anthropic_messages.thinking import Plan, plan, seal, unseal

BUDGET = Quirks(thinking="budget")
ADAPTIVE = Quirks(thinking="adaptive")


def planned(control: ReasoningControl | None, quirks: Quirks = BUDGET, limit: int | None = 20_000) -> Plan:
    return plan(control, origin="openai_chat", max_output_tokens=limit, quirks=quirks)


def native(control: ReasoningControl, quirks: Quirks = BUDGET, limit: int | None = 20_000) -> Plan:
    return plan(control, origin="anthropic_messages", max_output_tokens=limit, quirks=quirks)


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="plain"),
        Reasoning(text="mine", signature=Signature("anthropic_messages", "ErUB")),
        Reasoning(text="theirs", signature=Signature("gemini_generate", "Cg==")),
        Reasoning(text="sum", redacted=Signature("openai_responses", "gAAA"), id="rs_1", summary=True),
        Reasoning(id="rs_2", redacted=Signature("openai_responses", "gAAA")),
        Reasoning(text="d", provider_data={"openai_chat": {"reasoning_details": [{"type": "x"}]}}),
    ],
)
def test_a_thought_comes_back_as_it_left(thought: Reasoning) -> None:
    """Text, signature, encrypted thought and id survive a client of this protocol."""
    assert unseal(thought.text, seal(thought)) == thought


def test_anthropics_own_signature_is_never_touched() -> None:
    """Whatever else the part holds."""
    assert seal(Reasoning(signature=Signature("anthropic_messages", "ErUB"), id="x")) == "ErUB"


def test_a_damaged_seal_is_an_opaque_signature() -> None:
    """Nothing a client sends here can fail."""
    for text in ("hgr1.!!", "hgr1.AAAA", "hgr1.é"):
        assert unseal("t", text) == Reasoning(text="t", signature=Signature("anthropic_messages", text))


@pytest.mark.parametrize(
    ("effort", "budget", "word"),
    [
        ("minimal", 1024, "low"),
        ("low", 1280, "low"),
        ("medium", 2048, "medium"),
        ("high", 4096, "high"),
        ("xhigh", 8192, "xhigh"),
        ("max", 16384, "max"),
    ],
)
def test_an_effort_becomes_a_budget_or_an_effort(effort: Effort, budget: int, word: str) -> None:
    """The table of the module's docstring."""
    control = ReasoningControl(effort=effort)
    old = planned(control)
    assert old.thinking == {"type": "enabled", "budget_tokens": budget}
    assert (old.max_tokens, old.effort, old.active) == (20_000, None, True)
    new = planned(control, ADAPTIVE)
    assert new.thinking == {"type": "adaptive", "display": "summarized"}
    assert (new.max_tokens, new.effort, new.active) == (20_000, word, True)


@pytest.mark.parametrize(("budget", "word"), [(1024, "low"), (2048, "medium"), (8000, "high"), (32_000, "max")])
def test_a_budget_becomes_an_effort_where_budgets_are_refused(budget: int, word: str) -> None:
    """From 4.7 on a budget is a 400."""
    chosen = planned(ReasoningControl(budget_tokens=budget), ADAPTIVE)
    assert chosen.effort == word
    assert chosen.thinking == {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("wanted", "limit", "budget", "total"),
    [
        (4096, 20_000, 4096, 20_000),
        (4096, 4097, 4096, 4097),
        (4096, 4096, 3276, 4096),
        (4096, 100, 1024, 1280),
        (100, 20_000, 1024, 20_000),
        (1024, 1024, 1024, 1280),
        (None, 10_000, 8000, 10_000),
        (None, 10, 1024, 1280),
        (4096, None, 4096, 8192 + 4096),
    ],
)
def test_a_budget_is_always_below_the_limit(wanted: int | None, limit: int | None, budget: int, total: int) -> None:
    """Neither the budget nor the limit may make the API refuse the call."""
    chosen = planned(ReasoningControl(enabled=True, budget_tokens=wanted), limit=limit)
    assert chosen.thinking == {"type": "enabled", "budget_tokens": budget}
    assert chosen.max_tokens == total


@pytest.mark.parametrize(
    "control",
    [ReasoningControl(enabled=False), ReasoningControl(effort="none"), ReasoningControl(budget_tokens=0)],
)
def test_thinking_can_be_forbidden(control: ReasoningControl) -> None:
    """Older models only think when asked; newer ones are told not to."""
    assert planned(control) == Plan(max_tokens=20_000)
    assert planned(control, ADAPTIVE) == Plan(max_tokens=20_000, thinking={"type": "disabled"})


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    """Nor where nothing was said."""
    assert planned(ReasoningControl(effort="high"), Quirks(thinking="none")) == Plan(max_tokens=20_000)
    assert planned(None) == Plan(max_tokens=20_000)


def test_the_output_limit_has_a_default_and_a_ceiling() -> None:
    """The API demands a limit; the model's own is the most."""
    assert planned(None, limit=None).max_tokens == 8192
    assert planned(None, Quirks(max_output_tokens=64_000), limit=None).max_tokens == 64_000
    assert planned(None, Quirks(max_output_tokens=64_000), limit=99_000).max_tokens == 64_000
    forced = planned(ReasoningControl(enabled=True), Quirks(max_output_tokens=10_000), limit=None)
    assert (forced.max_tokens, forced.thinking) == (10_000, {"type": "enabled", "budget_tokens": 8000})


def test_a_callers_own_words_are_kept_where_the_model_knows_them() -> None:
    """An Anthropic client's effort without thinking stays that, and its wish to hide thoughts is kept."""
    assert native(ReasoningControl(effort="low")) == Plan(max_tokens=20_000, effort="low")
    assert native(ReasoningControl(enabled=False)).thinking == {"type": "disabled"}
    assert native(ReasoningControl(enabled=True, adaptive=True), ADAPTIVE).thinking == {"type": "adaptive"}
    hidden = ReasoningControl(enabled=True, adaptive=True, visible=False)
    assert native(hidden, ADAPTIVE).thinking == {"type": "adaptive", "display": "omitted"}
    both = native(ReasoningControl(enabled=True, budget_tokens=2000, effort="low"))
    assert (both.thinking, both.effort) == ({"type": "enabled", "budget_tokens": 2000}, "low")


def test_thinking_is_translated_between_generations() -> None:
    """An adaptive wish on an older model is a budget, a budget on a newer one an effort."""
    assert native(ReasoningControl(enabled=True, adaptive=True)).thinking == {
        "type": "enabled",
        "budget_tokens": 16_000,
    }
    assert native(ReasoningControl(enabled=True, budget_tokens=1500), ADAPTIVE).effort == "medium"
