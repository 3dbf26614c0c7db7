"""Whole answers, read for metering and refused where they are none."""

import json
from typing import Any

import pytest

from headgate.canonical.failure import Blame, Kind, Refused
from headgate.canonical.usage import Usage
from headgate.protocols.openai_responses import CODEC


def body(**fields: Any) -> bytes:
    return json.dumps({"object": "response", "id": "resp_1", "model": "m", "output": [], **fields}).encode()


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    ("fields", "empty"),
    [
        ({"status": "completed"}, True),
        ({"status": "completed", "output": [said("")]}, True),
        ({"status": "completed", "output": [THOUGHT]}, True),
        ({"status": "completed", "output": [said("a")]}, False),
        ({"status": "completed", "output": [CALL]}, False),
        ({"status": "incomplete", "output": [THOUGHT]}, False),
        ({"status": "queued"}, False),
    ],
)
def test_an_answer_that_says_nothing_is_empty(fields: dict[str, Any], empty: bool) -> None:
    """One that has yet to come, or whose limit was spent on thinking, is not."""
    assert CODEC.read(body(**fields)).empty is empty


def test_metering_knows_the_id_and_the_ending() -> None:
    """By the id the answer can be fetched again."""
    read = CODEC.read(body(status="incomplete", incomplete_details={"reason": "max_output_tokens"}, output=[said("a")]))
    assert (read.response_id, read.model, read.finish, read.usage) == ("resp_1", "m", "max_output_tokens", None)


def test_usage_is_disjoint() -> None:
    """Cached, written and fresh tokens sum to what was read; a report that contradicts itself never goes below zero."""
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 4},
    }  # fmt: skip
    assert CODEC.read(body(usage=usage)).usage == Usage(
        input=10, cache_read=60, cache_write_5m=30, output=5, reasoning=4
    )
    wrong = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 163}, "output_tokens": 1}
    assert CODEC.read(body(usage=wrong)).usage == Usage(cache_read=7, output=1)


def test_words_are_counted_apart_from_thoughts() -> None:
    """Arguments are words."""
    delivered = CODEC.read_delivered(body(output=[THOUGHT, said("a"), CALL]))
    assert (delivered.text, delivered.reasoning_text) == ("a{}", "hm")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<html>", Kind.UPSTREAM),
        (b"{}", Kind.UPSTREAM),
        (body(status="queued"), Kind.UPSTREAM),
        (body(status="cancelled"), Kind.UPSTREAM),
        (body(output=[{"no": "type"}]), Kind.UPSTREAM),
        (body(status="failed", error={"code": "rate_limit_exceeded", "message": "m"}), Kind.RATE_LIMITED),
    ],
)
def test_what_is_no_answer_is_the_upstreams_fault(answer: bytes, kind: Kind) -> None:
    """In the upstream's words where it has any."""
    with pytest.raises(Refused) as caught:
        CODEC.decode_response(answer)
    assert (caught.value.failure.kind, caught.value.failure.blame) == (kind, Blame.UPSTREAM)
