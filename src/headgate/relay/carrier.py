"""What stands between the upstream's stream and the client: a meter alone, or a translation.

Both take the upstream's bytes and give the client's, and both can say what was delivered. Same-protocol streams are
only read in passing; others are decoded to events and encoded again, event by event, never gathered.
"""

from msgspec.structs import replace

from headgate.canonical.codec import Codec, Delivered, Meter
from headgate.canonical.failure import Failure
from headgate.canonical.parts import Reasoning, Refusal, Text, ToolCall
from headgate.canonical.request import Request
from headgate.canonical.sample import Sample
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartStarted,
    Response,
    Started,
    StreamEvent,
    UsageReported,
)
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate import ArrayReframer


class Arrayed:
    """A Gemini stream for a caller who wants it as one JSON array: a meter's bytes, re-framed.

    Args:
        inner: the meter or translation that knows the stream.
        reframer: shared with whoever writes an error into the stream.
    """

    def __init__(self, inner: Meter, reframer: ArrayReframer) -> None:
        self._inner = inner
        self._reframer = reframer

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage

    @property
    def tokens(self) -> int:
        return self._inner.tokens

    @property
    def begun(self) -> bool:
        return self._inner.begun

    @property
    def ended(self) -> bool:
        return self._inner.ended

    @property
    def finish(self) -> str | None:
        return self._inner.finish

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    @property
    def model(self) -> str | None:
        return self._inner.model

    def feed(self, data: bytes) -> bytes:
        return self._reframer.feed(self._inner.feed(data))

    def close(self) -> bytes:
        return self._reframer.feed(self._inner.close()) + self._reframer.close()

    def delivered(self) -> Delivered:
        return self._inner.delivered()


class Translation:
    """A stream of one protocol told in another, with the same face as a meter. `started_s` is when the call began, in
    Unix seconds."""

    def __init__(self, upstream: Codec, client: Codec, request: Request, started_s: int = 0) -> None:
        self._started_s = started_s
        self.usage: Usage | None = None
        self.tokens = 0
        self.begun = False
        self.ended = False
        self.finish: str | None = None
        self.failure: Failure | None = None
        self.model: str | None = None
        self._decoder = upstream.stream_decoder()
        self._encoder = client.stream_encoder(request)
        self._reasoning: set[int] = set()
        self._text = Sample()
        self._thought = Sample()

    @staticmethod
    def heard(response: Response) -> Delivered:
        """What a whole answer delivered."""
        parts = [part for candidate in response.candidates for part in candidate.parts]
        return Delivered(
            text="".join(
                part.text if isinstance(part, Text | Refusal) else part.name + part.arguments
                for part in parts
                if isinstance(part, Text | Refusal | ToolCall)
            ),
            reasoning_text="".join(part.text for part in parts if isinstance(part, Reasoning)),
        )

    def feed(self, data: bytes) -> bytes:
        events = [self._dated(event) for event in self._decoder.feed(data)]
        for event in events:
            self._note(event)
        return self._encoder.feed(events)

    def close(self) -> bytes:
        events = self._decoder.close()
        for event in events:
            self._note(event)
        self.ended = self.failure is None
        return self._encoder.feed(events) + self._encoder.close()

    def delivered(self) -> Delivered:
        text, thought = self._text, self._thought
        return Delivered(
            text=text.text, text_chars=text.chars, reasoning_text=thought.text, reasoning_chars=thought.chars
        )

    def _dated(self, event: StreamEvent) -> StreamEvent:
        """The event, with the call's start where its protocol knows no time of creation (Anthropic, Gemini)."""
        return replace(event, created=self._started_s) if isinstance(event, Started) and not event.created else event

    def _note(self, event: StreamEvent) -> None:
        match event:
            case PartDelta():
                self._grow(event)
            case PartStarted():
                if isinstance(event.part, Reasoning):
                    self._reasoning.add(event.index)
                if not isinstance(event.part, Text | Refusal):
                    self.begun = True
                if isinstance(event.part, ToolCall):
                    self._text.add(event.part.name)
                self.tokens += 1
            case UsageReported():
                self.usage = event.usage
            case Started():
                self.model = event.model
            case Finished():
                self.finish = event.reason
            case Failed():
                self.failure = event.failure
            case _:
                pass

    def _grow(self, event: PartDelta) -> None:
        if event.text:
            self.begun = True
            self.tokens += 1 + len(event.text) // 4
            (self._thought if event.index in self._reasoning else self._text).add(event.text)
        elif event.data:
            self.begun = True
