"""Thoughts and their list."""

import pytest

from headgate.canonical.parts import Reasoning, Signature
from headgate.canonical.request import Effort, ReasoningControl
from headgate.protocols.openai_chat.reasoning import decode_detail, decode_thoughts, effort_of, encode_detail

PROOF = Signature(origin="gemini_generate", value="sig")


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="hm"),
        Reasoning(text="hm", signature=PROOF, id="r"),
        Reasoning(text="s", summary=True),
        Reasoning(redacted=PROOF, id="r"),
    ],
)
def test_entries_are_written_and_read_back(thought: Reasoning) -> None:
    """Each kind of thought has its entry."""
    entry = encode_detail(thought, 3)
    assert entry.pop("index") == 3
    assert decode_detail(entry) == thought


def test_plain_text_counts_where_the_list_has_none() -> None:
    """A list of proofs alone does not replace the text."""
    proof = {"type": "reasoning.encrypted", "data": "hg1.gg.sig"}
    message = {"reasoning_content": "hm", "reasoning_details": [proof, 7]}
    assert decode_thoughts(message) == [Reasoning(text="hm"), Reasoning(redacted=PROOF)]
    told = {"type": "reasoning.text", "text": "hm"}
    assert decode_thoughts({**message, "reasoning_details": [told]}) == [Reasoning(text="hm")]


@pytest.mark.parametrize(
    ("budget", "effort"), [(1, "low"), (2048, "low"), (2049, "medium"), (8192, "medium"), (8193, "high")]
)
def test_budget_becomes_the_smallest_effort_that_contains_it(budget: int, effort: Effort) -> None:
    """Where an upstream knows only efforts."""
    assert effort_of(ReasoningControl(budget_tokens=budget)) == effort
    assert effort_of(ReasoningControl(budget_tokens=budget, enabled=False)) == "none"
