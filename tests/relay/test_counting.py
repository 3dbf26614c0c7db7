"""Counting tokens ourselves."""

from headgate.canonical.codec import Delivered
from headgate.canonical.parts import Image, Reasoning, Source, Text, ToolCall, ToolResult
from headgate.canonical.request import Message, Request, Tool
from headgate.relay import counting
from headgate.relay.bounds import TOKENS_PER_IMAGE
from headgate.relay.counting import count_delivered, count_request, count_text


def asking(*messages: Message, tools: tuple[Tool, ...] = ()) -> Request:
    return Request(origin="openai_chat", model="m", messages=messages, tools=tools)


def test_text_is_counted_as_the_tokenizer_cuts_it() -> None:
    """Known counts of o200k_base, special tokens taken as plain text."""
    assert count_text("hello world") == 2
    assert count_text("") == 0
    assert count_text("<|endoftext|>") > 1


def test_a_huge_text_is_reckoned_by_its_length() -> None:
    """Counting it exactly would stall other calls."""
    assert count_text("a" * (counting.COUNTED_CHARACTERS + 4)) == (counting.COUNTED_CHARACTERS + 4) // 4


def test_a_request_counts_its_texts_tools_and_media() -> None:
    """Every part that becomes prompt tokens counts, also inside a tool's result."""
    plain = count_request(asking(Message(role="user", parts=(Text(text="hello world"),))))
    image = Image(source=Source(data="AAAA", media_type="image/png"))
    result = ToolResult(call_id="c", content=(Text(text="hello world"), image))
    busy = asking(
        Message(role="user", parts=(Text(text="hello world"), image)),
        Message(role="assistant", parts=(Reasoning(text="hello world"), ToolCall(id="c", name="f", arguments="{}"))),
        Message(role="tool", parts=(result,)),
        tools=(Tool(name="f", description="hello world"),),
    )

    assert plain == 2 + counting.TOKENS_PER_MESSAGE + counting.TOKENS_BEFORE_ANSWER
    assert count_request(busy) > plain + 2 * TOKENS_PER_IMAGE + 6


def test_what_was_delivered_is_counted_apart_from_thoughts() -> None:
    """Of a long answer the beginning is counted and the rest reckoned from it."""
    usage = count_delivered(Delivered(text="hello world", reasoning_text="hello world hello world"))
    long = count_delivered(Delivered(text="hello world", text_chars=1100))

    assert (usage.output, usage.reasoning) == (2, 4)
    assert long.output == 200
