"""What a prompt and its answer count, and the prompt cache.

A turn costs the tokens of its texts and four more; a picture one for 750 pixels, a document its words or pages; tools
and a schema the tokens of their JSON. A prefix of whole turns that was sent before counts as cached.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from headgate.sandbox.prompt import Answer, Document, Item, Picture, Prompt, ToolCall, Turn
from headgate.sandbox.sights import document_tokens, look
from headgate.sandbox.tokens import PER_TURN, count

CACHEABLE_TOKENS = 1024
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of one call. `cached`, `written_5m` and `written_1h` are parts of `input`, `reasoning` of `output`."""

    input: int = 0
    cached: int = 0
    written_5m: int = 0
    written_1h: int = 0
    output: int = 0
    reasoning: int = 0


class PromptCache:
    """Remembers the prefixes of long prompts, the latest 4096 of them, without a lifetime."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()

    def measure(self, prompt: Prompt, answers: tuple[Answer, ...], *, explicit: bool = False) -> Counts:
        """Count a call, and remember its prompt.

        With `explicit`, only what stands before a marked breakpoint is read from or written to the cache, as at
        Anthropic; otherwise every long prompt is.
        """
        sizes = _sizes(prompt)
        total = sum(sizes)
        reasoning = sum(len(answer.reasoning) for answer in answers)
        output = reasoning + sum(answer.output_tokens for answer in answers)
        marks = [i for i, turn in enumerate(prompt.turns) if turn.cache_s] if explicit else [len(prompt.turns) - 1]
        if total < CACHEABLE_TOKENS or not marks:
            return Counts(input=total, output=output, reasoning=reasoning)
        read = self._read(prompt, sizes[1:], sizes[0], marks[-1])
        if not explicit:
            return Counts(input=total, cached=min(read, total - 1), output=output, reasoning=reasoning)
        longest = max((i for i in marks if prompt.turns[i].cache_s > 300), default=-1)
        until_1h = max(read, sizes[0] + sum(sizes[1 : longest + 2]) if longest >= 0 else 0)
        written_5m = sizes[0] + sum(sizes[1 : marks[-1] + 2]) - until_1h
        return Counts(total, read, max(0, written_5m), until_1h - read, output, reasoning)

    def _read(self, prompt: Prompt, sizes: tuple[int, ...], before: int, last: int) -> int:
        """Tokens of the longest remembered prefix up to the turn `last`; every prefix up to there is remembered."""
        key = blake2b(repr((prompt.model, prompt.tools)).encode(), digest_size=16).digest()
        length, read = before, 0
        for turn, size in zip(prompt.turns[: last + 1], sizes, strict=False):
            key = blake2b(key + repr((turn.role, turn.items)).encode(), digest_size=16).digest()
            length += size
            if length >= CACHEABLE_TOKENS:
                if key in self._seen:
                    read = length
                self._seen[key] = None
                self._seen.move_to_end(key)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return read


def input_tokens(prompt: Prompt) -> int:
    """Tokens of a prompt."""
    return sum(_sizes(prompt))


def _sizes(prompt: Prompt) -> tuple[int, ...]:
    """Tokens of the tools and schema, then of each turn."""
    offered = [(tool.name, tool.description, tool.schema) for tool in prompt.tools]
    extra = count(orjson.dumps(offered).decode()) if offered else 0
    extra += count(orjson.dumps(prompt.schema).decode()) if prompt.schema else 0
    return (extra, *(_turn(turn) for turn in prompt.turns))


def _turn(turn: Turn) -> int:
    return PER_TURN + sum(_item(item) for item in turn.items)


def _item(item: Item) -> int:
    match item:
        case str():
            return count(item)
        case Picture():
            return look(item).tokens
        case Document():
            return document_tokens(item)
        case ToolCall():
            return 1 + count(item.arguments)
        case _:
            return count(item.text)
