"""Counting tokens ourselves, where an upstream reports no usage or the answer broke off before its report.

The tokenizer is OpenAI's `o200k_base`, whose vocabulary ships in its wheel; for other vendors' models the count is an
estimate, and receipts say so. It takes 0.7 s and 140 MB to load, so it is loaded when a worker first needs it: most
upstreams report their usage and most workers never do.
"""

from functools import cache
from importlib import import_module
from typing import Any

from headgate.canonical.codec import Delivered
from headgate.canonical.parts import Audio, File, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from headgate.canonical.request import Request, Tool
from headgate.canonical.usage import Usage
from headgate.relay.bounds import TOKENS_PER_AUDIO, TOKENS_PER_DOCUMENT, TOKENS_PER_IMAGE

COUNTED_CHARACTERS = 400_000
"""Beyond this a text is counted by its length: exactness no longer matters and counting would stall other calls."""
TOKENS_PER_MESSAGE = 3
TOKENS_BEFORE_ANSWER = 3
"""What OpenAI's chat format adds around each message and before the answer
(https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken, 2026-11)."""


@cache
def _encoding() -> Any:
    return import_module("bpe_openai").get_encoding("o200k_base")


def count_text(text: str) -> int:
    """Tokens of a text."""
    if len(text) > COUNTED_CHARACTERS:
        return len(text.encode()) // 4
    return len(_encoding().encode_ordinary(text))


def count_request(request: Request) -> int:
    """Prompt tokens of a request: texts exactly as the tokenizer cuts them, media by a flat estimate."""
    total = TOKENS_BEFORE_ANSWER
    for message in request.messages:
        total += TOKENS_PER_MESSAGE + sum(_count_part(part) for part in message.parts)
    for tool in request.tools:
        if isinstance(tool, Tool):
            total += count_text(f"{tool.name} {tool.description or ''} {tool.parameters or ''}")
    return total


def count_delivered(delivered: Delivered) -> Usage:
    """Output tokens of what was delivered. Of a very long answer its beginning is counted and the rest reckoned."""
    return Usage(
        output=_count_sample(delivered.text, delivered.text_chars),
        reasoning=_count_sample(delivered.reasoning_text, delivered.reasoning_chars),
    )


def _count_sample(text: str, chars: int) -> int:
    if not text:
        return 0
    counted = count_text(text)
    return counted * chars // len(text) if chars > len(text) else counted


def _count_part(part: Part) -> int:
    match part:
        case Text() | Refusal() | Reasoning():
            return count_text(part.text)
        case ToolCall():
            return count_text(part.name) + count_text(part.arguments)
        case ToolResult():
            return sum(_count_part(inner) for inner in part.content)
        case Image():
            return TOKENS_PER_IMAGE
        case Audio():
            return TOKENS_PER_AUDIO
        case File():
            return count_text(part.text) if part.text else TOKENS_PER_DOCUMENT
        case Video():
            return TOKENS_PER_DOCUMENT
        case _:
            return 0
