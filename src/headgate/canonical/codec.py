"""What a protocol can do for us: the record that every `protocols/<name>/__init__.py` fills.

Two ways lead through a protocol. The cheap one is for a call whose channel speaks the caller's own protocol: `peek` at
the request, `patch` it, and let a `Meter` read the answer's bytes as they pass. The full one decodes to the canonical
model and encodes out of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol as Interface

from msgspec import Struct

from headgate.canonical.failure import Failure
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import Request
from headgate.canonical.stream import Response, StreamEvent
from headgate.canonical.usage import Usage


class Peek(Struct, frozen=True, kw_only=True):
    """What must be known of a request before it can be routed and priced, read without decoding all of it.

    `text_bytes` is the size in UTF-8 of everything that becomes prompt tokens of text (messages, tools, schemas),
    without inline media; `images`, `audios` and `documents` count media parts. `max_output_tokens` is the caller's own
    limit, or None.
    """

    model: str
    stream: bool = False
    wants_usage: bool = False
    max_output_tokens: int | None = None
    n: int = 1
    text_bytes: int = 0
    images: int = 0
    audios: int = 0
    documents: int = 0
    tools: bool = False
    web_search: bool = False
    service_tier: str | None = None
    """The tier that the caller asks for by name, where the vendor prices tiers differently (OpenAI's `priority` and
    `flex`, Anthropic's `fast` speed)."""


class Patch(Struct, frozen=True, kw_only=True):
    """What to change in a body that is otherwise passed through byte for byte. None and False change nothing."""

    model: str | None = None
    max_output_tokens: int | None = None
    ask_usage: bool = False
    set_fields: Mapping[str, object] = {}


class Delivered(Struct, frozen=True, kw_only=True):
    """What an answer has brought so far. `text` is what can be counted where the upstream reports no usage: visible
    text, tool-call arguments and reasoning (`reasoning_text`). Of a very long answer only the beginning is kept;
    `text_chars` and `reasoning_chars` say how many characters there were in all (0: `text` is all), so that a count of
    what was kept can be scaled up."""

    text: str = ""
    reasoning_text: str = ""
    text_chars: int = 0
    reasoning_chars: int = 0


class Meter(Interface):
    """Reads a same-protocol stream as it passes.

    Attributes:
        usage: the latest usage report, un-nested; None while there is none.
        tokens: a running estimate of output tokens delivered, for extending holds; cheap, never far too low.
        begun: something worth sending has come (content, reasoning, a tool call); headers and role chunks are not.
        ended: the protocol's own terminal event has been read.
        finish: the answer's finish reason as the wire spells it, None until known.
        failure: the upstream's in-stream error, if one came.
        model: the model name in the answer, if it gave one.
    """

    @property
    def usage(self) -> Usage | None: ...

    @property
    def tokens(self) -> int: ...

    @property
    def begun(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def finish(self) -> str | None: ...

    @property
    def failure(self) -> Failure | None: ...

    @property
    def model(self) -> str | None: ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes as received; return the bytes to send on (whole frames only; without what only metering asked
        for)."""
        ...

    def close(self) -> bytes:
        """The upstream has ended; return what is left to send on."""
        ...

    def delivered(self) -> Delivered:
        """What was delivered, for counting."""
        ...


class StreamDecoder(Interface):
    """Wire bytes of a stream to events, in any cut."""

    def feed(self, data: bytes) -> Sequence[StreamEvent]: ...

    def close(self) -> Sequence[StreamEvent]:
        """The upstream has ended. A stream that ends without its terminal event yields `Failed`."""
        ...


class StreamEncoder(Interface):
    """Events to wire bytes. After `Failed`, and after `close`, nothing more is written."""

    def feed(self, events: Sequence[StreamEvent]) -> bytes: ...

    def close(self) -> bytes:
        """The protocol's own ending (`data: [DONE]`, `message_stop`), where `feed` has not already written it."""
        ...


class Read(Struct, frozen=True, kw_only=True):
    """What a whole answer of the caller's own protocol says, for metering. `empty` is an answer without any content."""

    usage: Usage | None
    empty: bool
    model: str | None = None
    finish: str | None = None
    response_id: str | None = None


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """An error on the wire."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Codec(Struct, frozen=True, kw_only=True):
    """A wire protocol, as a record of pure functions. Functions that take bytes from outside raise `Refused` with the
    failure to answer with.

    Attributes:
        peek: request body (and the model named by the path, for Gemini) to `Peek`.
        patch: request body and `Patch` to the body to send; returns the very same object when nothing changes.
        meter: a fresh `Meter`; the argument is whether the caller asked for usage itself.
        read: whole answer body to `Read`.
        read_delivered: whole answer body to what it delivered, for counting.
        decode_request: body, path model, whether the path asks for a stream; to `Request`.
        encode_request: `Request` for a `Target` to `Encoded`; raises `Refused` where content cannot be expressed.
        decode_response, encode_response: whole answers; encoding gets the request, for fields that echo it.
        stream_decoder, stream_encoder: fresh halves of a translated stream.
        decode_error: an upstream's error answer (status, headers, body) to a `Failure`, in the upstream's words.
        encode_error: a `Failure` and the request id to an error answer.
        encode_stream_error: the same inside a stream that has begun: the bytes to append before closing.
        count_request, encode_count: decode a token-counting request and answer it; None where the protocol has none.
        check_portable: raises `Refused` where a request of this protocol leans on state that only an upstream of the
            same protocol keeps, so that it cannot be encoded for another; None where a protocol has no such state.
        passes: whether a body may go as it came to an upstream of this protocol with these quirks; where not, it is
            decoded and encoded. None where every body may.
    """

    name: ProtocolName
    peek: Callable[[bytes, str | None], Peek]
    patch: Callable[[bytes, Patch], bytes]
    meter: Callable[[bool], Meter]
    read: Callable[[bytes], Read]
    read_delivered: Callable[[bytes], Delivered]
    decode_request: Callable[[bytes, str | None, bool], Request]
    encode_request: Callable[[Request, Target], Encoded]
    decode_response: Callable[[bytes], Response]
    encode_response: Callable[[Response, Request], bytes]
    stream_decoder: Callable[[], StreamDecoder]
    stream_encoder: Callable[[Request], StreamEncoder]
    decode_error: Callable[[int, Mapping[str, str], bytes], Failure]
    encode_error: Callable[[Failure, str], ErrorAnswer]
    encode_stream_error: Callable[[Failure, str], bytes]
    encode_count: Callable[[int], bytes] | None = None
    check_portable: Callable[[Request], None] | None = None
    passes: Callable[[bytes, Quirks], bool] | None = None
