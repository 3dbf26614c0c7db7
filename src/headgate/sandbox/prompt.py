"""What the sandbox's one model is asked and what it answers, in words of its own: no wire format, no I/O."""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool", "stop_sequence"]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it was sent: its bytes, or only the address it would have to be fetched from."""

    data: bytes = b""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file, or a sound, as it was sent."""

    data: bytes
    media_type: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool. `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered to the call `id`."""

    id: str
    text: str


Item = str | Picture | Document | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation. `cache_s` marks an explicit cache breakpoint at its end, with its lifetime."""

    role: Role
    items: tuple[Item, ...]
    cache_s: int = 0

    @property
    def text(self) -> str:
        """The plain text of the turn, its pieces joined by newlines."""
        return "\n".join(item for item in self.items if isinstance(item, str))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer, with the JSON schema of its arguments."""

    name: str
    description: str = ""
    schema: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to the model.

    `choice` is "auto", "none", "required", or the name of the tool that must be called. `schema` is the JSON schema the
    answer must match ({} for any JSON object, None for plain text).
    """

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    schema: Json | None = None
    reasoning: bool = False
    web_search: bool = False
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A made-up web page that an answer cites; the cited words are `text[start:end]` of the answer."""

    url: str
    title: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer. Reasoning, text and the arguments of calls come as the tokens they are made of.

    `query` is what was searched on the web, if anything; `stopped_by` the stop sequence that ended the text.
    """

    reasoning: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    finish: Finish = "stop"
    stopped_by: str = ""
    query: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def output_tokens(self) -> int:
        """Tokens of the visible answer and its calls, without reasoning; a call's name counts as one."""
        return len(self.text) + sum(1 + len(arguments) for _, arguments in self.calls)
