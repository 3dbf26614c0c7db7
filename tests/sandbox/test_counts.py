"""Counting, and the prompt cache."""

from headgate.sandbox.counts import PromptCache, input_tokens
from headgate.sandbox.prompt import Answer, Prompt, Tool, Turn

LONG = "word " * 1200


def prompt(*turns: Turn) -> Prompt:
    return Prompt("sandbox", turns)


def test_a_turn_costs_its_tokens_and_four() -> None:
    """And tools the tokens of their JSON."""
    assert input_tokens(prompt(Turn("user", ("Hello, world",)))) == 3 + 4
    assert input_tokens(Prompt("sandbox", (Turn("user", ("Hi",)),), (Tool("f"),))) > 1 + 4


def test_a_long_prompt_is_cached_when_it_comes_again() -> None:
    """As is its beginning, when the conversation goes on."""
    cache = PromptCache()
    first = prompt(Turn("user", (LONG,)))
    assert cache.measure(first, ()).cached == 0
    assert cache.measure(first, ()).cached == input_tokens(first) - 1
    longer = prompt(Turn("user", (LONG,)), Turn("assistant", ("Yes",)), Turn("user", ("Go on",)))
    assert cache.measure(longer, ()).cached == input_tokens(first)


def test_a_short_prompt_is_never_cached() -> None:
    """Under 1024 tokens nothing is remembered."""
    cache = PromptCache()
    short = prompt(Turn("user", ("Hello",)))
    assert [cache.measure(short, ()).cached for _ in range(2)] == [0, 0]


def test_marked_breakpoints_are_written_then_read() -> None:
    """Only what stands before a mark, by its lifetime, and the parts add up."""
    cache = PromptCache()
    turns = (Turn("system", (LONG,), 3600), Turn("user", (LONG,), 300), Turn("user", ("And now?",)))
    first = cache.measure(prompt(*turns), (Answer(),), explicit=True)
    assert (first.cached, first.written_1h, first.written_5m) == (0, 1205, 1205)
    assert first.input - first.written_1h - first.written_5m == 3 + 4
    again = cache.measure(prompt(*turns), (Answer(),), explicit=True)
    assert (again.cached, again.written_1h, again.written_5m) == (2410, 0, 0)


def test_without_a_mark_nothing_is_written() -> None:
    """Where caching is explicit."""
    cache = PromptCache()
    counts = cache.measure(prompt(Turn("user", (LONG,))), (), explicit=True)
    assert (counts.cached, counts.written_5m, counts.written_1h) == (0, 0, 0)
