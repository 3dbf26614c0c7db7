"""What passes between the sandbox's parts: a request, a call, an answer about to be delivered, and a refusal."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from headgate.sandbox import brain
from headgate.sandbox.books import Books, Entry
from headgate.sandbox.counts import Counts, PromptCache
from headgate.sandbox.faults import NONE, Dice, Faults
from headgate.sandbox.prompt import Answer, Json, Prompt

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case; `query` is still encoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Refused(Exception):
    """The call is answered with an error.

    `code` is one of the vendors' common reasons in neutral words ("auth", "no key", "quota", "context",
    "filter", "model", "value"...) or empty; `parameter` the field at fault; `retry_s` goes into the retry-after header.
    """

    def __init__(
        self, status: int, message: str, code: str = "", parameter: str = "", retry_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.parameter = parameter
        self.retry_s = retry_s


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream. `token` marks generated content; `last` the events that say the stream is over."""

    data: bytes
    token: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer about to be delivered: a body, or frames. `entry` goes into the books when it has been."""

    status: int = 200
    body: bytes = b""
    frames: Iterator[Frame] | None = None
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    entry: Entry | None = None


@dataclass(slots=True)
class House:
    """What the whole sandbox shares: its books, its prompt cache, stored responses, its counters."""

    books: Books = field(default_factory=Books)
    cache: PromptCache = field(default_factory=PromptCache)
    dice: Dice = field(default_factory=Dice)
    responses: OrderedDict[str, Json] = field(default_factory=OrderedDict)
    run: str = ""
    served: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the model: its body, the model's name without switches, the switches, and when it came (s).

    `action` is what the path asks for beyond the protocol itself: `count_tokens`, `countTokens`...
    """

    house: House
    request: Request
    action: str
    body: Json
    model: str
    credential: str
    at_s: int
    faults: Faults = NONE
    streamed: bool = False

    def new_id(self, prefix: str) -> str:
        """A fresh id that says it is the sandbox's; unique over restarts."""
        self.house.served += 1
        return f"{prefix}sandbox{self.house.run}{self.house.served:08x}"

    def with_body(self, body: Json) -> "Call":
        """The same call with another body."""
        return replace(self, body=body)

    def think(self, prompt: Prompt) -> Answer:
        """The model's answer, emptied or inflated where a switch says so."""
        if self.faults.empty:
            return Answer()
        answer = brain.think(prompt)
        return brain.inflate(answer, self.faults.huge) if self.faults.huge else answer

    def entry(self, answer_id: str, protocol: str, counts: Counts) -> Entry:
        """The entry for the books."""
        return Entry(answer_id, protocol, self.model, self.credential[-8:], counts, self.streamed)


@dataclass(frozen=True, slots=True)
class Speaker:
    """One wire protocol as the sandbox speaks it.

    `answer` raises Refused; `refuse` puts a refusal into the vendor's form, `interrupt` into its event inside a stream.
    """

    name: str
    answer: Callable[[Call], Reply]
    refuse: Callable[[Refused, Request], Reply]
    interrupt: Callable[[Refused, Call], bytes]
