"""The sandbox's one model: a pure, deterministic function from a prompt to an answer.

It looks at the last user turn, and does the first of these that fits: calls tools, answers in JSON, quotes what tools
answered, does a sum, repeats what it was told to repeat, writes a number of words, recalls the first thing said,
describes files, or else says back what it was told.
"""

import re
from dataclasses import replace

import orjson

from headgate.sandbox import schemas, script, sights
from headgate.sandbox.prompt import Answer, Document, Picture, Prompt, Source, Tool, ToolResult, Turn
from headgate.sandbox.tokens import split

_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([-+*/x×÷])\s*(-?\d+(?:\.\d+)?)")
_REPEAT = re.compile(
    r"^\s*(?:please )?(?:repeat|say|reply|answer|respond)(?: with)?(?: exactly)?(?: the words?)?:?\s+(.+?)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_WORDS = re.compile(r"\b(\d{1,6}) words\b", re.IGNORECASE)
_RECALL = re.compile(r"\bwhat did i (?:say|tell|ask)\b", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\-.\s]+")
_COMMON_WORDS = frozenset(
    ["call", "current", "data", "find", "from", "info", "lookup", "make", "tool", "value", "with"]
)
_QUOTED_CHARACTERS = 2000
_LONGEST_ANSWER = 100_000


def think(prompt: Prompt) -> Answer:
    """The model's answer to a prompt, cut at its stop sequences and its token limit."""
    asked = _last_user_text(prompt)
    reasoning = split(f"The user asks: {asked[:200]} I shall answer plainly.") if prompt.reasoning else ()
    calls = _calls(prompt, asked)
    if calls:
        return _limited(Answer(reasoning=reasoning, calls=calls, finish="tool"), prompt.max_tokens)
    if prompt.schema is not None:
        value = schemas.fill(prompt.schema, asked) if prompt.schema else {"said": asked}
        return _limited(_stopped(Answer(reasoning=reasoning), _json(value), prompt), prompt.max_tokens)
    said = _say(prompt, asked)
    if not prompt.model.startswith("sandbox"):
        said = f"[sandbox] {said}"
    answer = _stopped(Answer(reasoning=reasoning), said, prompt)
    if prompt.web_search:
        answer = _with_sources(answer, asked)
    return _limited(answer, prompt.max_tokens)


def inflate(answer: Answer, characters: int) -> Answer:
    """The same answer with its text repeated until it is at least this long."""
    text = answer.text or split("Sandbox. ")
    length = sum(map(len, text)) or 1
    return replace(answer, text=text * (characters // length + 1))


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _last_user_text(prompt: Prompt) -> str:
    return next((turn.text for turn in reversed(prompt.turns) if turn.role == "user" and turn.text), "").strip()


def _news(prompt: Prompt) -> tuple[Turn, ...]:
    """The turns since the model last spoke."""
    turns = prompt.turns
    spoke = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    return turns[spoke + 1 :]


def _results(prompt: Prompt) -> list[str]:
    return [item.text for turn in _news(prompt) for item in turn.items if isinstance(item, ToolResult)]


def _calls(prompt: Prompt, asked: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tools to call, with their arguments as tokens."""
    told = script.next_call(prompt) if prompt.choice != "none" else None
    if told is not None:
        name, arguments = told
        return ((name, split(_json(arguments))),)
    return tuple((tool.name, split(_json(schemas.fill(tool.schema, asked)))) for tool in _chosen_tools(prompt, asked))


def _chosen_tools(prompt: Prompt, asked: str) -> tuple[Tool, ...]:
    """The tools to call: those demanded; those named by the user, or failing that hinted at, until one has answered."""
    if prompt.choice == "none" or not prompt.tools:
        return ()
    named = tuple(tool for tool in prompt.tools if tool.name == prompt.choice)
    if named:
        return named[:1]
    demanded = prompt.choice == "required"
    if _results(prompt) and not demanded:
        return ()
    wanted = _named(prompt.tools, asked) or _hinted(prompt.tools, asked)[:1] or (prompt.tools[:1] if demanded else ())
    return wanted if prompt.parallel else wanted[:1]


def _named(tools: tuple[Tool, ...], asked: str) -> tuple[Tool, ...]:
    """Tools whose name stands in the text as a word, in the order in which they are mentioned."""
    found = [(match.start(), tool) for tool in tools if (match := re.search(_as_word(tool.name), asked, re.IGNORECASE))]
    return tuple(tool for _, tool in sorted(found, key=lambda pair: pair[0]))


def _as_word(name: str) -> str:
    return rf"(?<!\w){re.escape(name)}(?!\w)"


def _hinted(tools: tuple[Tool, ...], asked: str) -> tuple[Tool, ...]:
    """Tools of whose names a telling word stands in the text: "What is the weather?" hints at get_weather."""
    said = set(re.findall(r"\w+", asked.lower()))
    return tuple(tool for tool in tools if said & _telling_words(tool.name))


def _telling_words(name: str) -> set[str]:
    return {word.lower() for word in _CAMEL.split(name) if len(word) >= 4} - _COMMON_WORDS


def _say(prompt: Prompt, asked: str) -> str:
    results = _results(prompt)
    if results:
        return "The tool answered: " + "; ".join(result[:_QUOTED_CHARACTERS] for result in results)
    files = _files(prompt)
    if files:
        return " ".join(files)
    if found := _SUM.search(asked):
        return _sum(*found.groups())
    if found := _WORDS.search(asked):
        return " ".join(f"word{i}" for i in range(1, min(int(found[1]), _LONGEST_ANSWER) + 1))
    if found := _REPEAT.match(asked):
        return found[1]
    if _RECALL.search(asked):
        return "First you said: " + next(turn.text for turn in prompt.turns if turn.role == "user")
    return f"You said: {asked}" if asked else "You said nothing."


def _files(prompt: Prompt) -> list[str]:
    said: list[str] = []
    for turn in _news(prompt):
        for item in turn.items:
            if isinstance(item, Picture):
                said.append(sights.describe(item))
            elif isinstance(item, Document):
                said.append(sights.acknowledge(item))
    return said


def _sum(left: str, sign: str, right: str) -> str:
    a, b = float(left), float(right)
    match sign:
        case "+":
            result = a + b
        case "-":
            result = a - b
        case "/" | "÷":
            if not b:
                return f"{left} cannot be divided by zero."
            result = a / b
        case _:
            result = a * b
    return f"{left} {sign} {right} = {result:.10g}."


def _stopped(answer: Answer, text: str, prompt: Prompt) -> Answer:
    """The answer with this text, up to the first stop sequence in it."""
    hits = [(text.find(stop), stop) for stop in prompt.stops if stop and stop in text]
    if not hits:
        return replace(answer, text=split(text))
    at, stop = min(hits)
    return replace(answer, text=split(text[:at]), finish="stop_sequence", stopped_by=stop)


def _with_sources(answer: Answer, asked: str) -> Answer:
    """The answer with two sentences more, each citing a made-up page."""
    text = "".join(answer.text)
    sources: list[Source] = []
    for number in (1, 2):
        quote = f"Page {number} says so."
        start = len(text) + 1
        text = f"{text} {quote}"
        url = f"https://www.example.com/sandbox/{number}"
        sources.append(Source(url, f"Example page {number}", quote, start, start + len(quote)))
    return replace(answer, text=split(text), query=asked[:100] or "nothing", sources=tuple(sources))


def _limited(answer: Answer, limit: int | None) -> Answer:
    """The answer cut to a number of tokens, reasoning first, then text, then calls."""
    if limit is None or len(answer.reasoning) + answer.output_tokens <= limit:
        return answer
    reasoning = answer.reasoning[:limit]
    left = limit - len(reasoning)
    text = answer.text[:left]
    left -= len(text)
    length = sum(map(len, text))
    calls: list[tuple[str, tuple[str, ...]]] = []
    for name, arguments in answer.calls:
        if left < 1:
            break
        calls.append((name, arguments[: left - 1]))
        left -= 1 + len(arguments)
    sources = tuple(source for source in answer.sources if source.end <= length)
    return replace(
        answer, reasoning=reasoning, text=text, calls=tuple(calls), finish="length", stopped_by="", sources=sources
    )
