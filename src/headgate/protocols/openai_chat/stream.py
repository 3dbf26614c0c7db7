"""Streams, both ways.

Decoder: the wire has no beginnings and ends of parts, so they are found: a part begins when its kind of delta first
comes, or comes again after another kind, and ends when another kind comes; tool calls go by their index, and an index
that comes with a new id is a new call. Encoder: one chunk an event, the usage chunk and `[DONE]` at the close.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.custom_tools import Unwrapper
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.parts import Audio, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headgate.canonical.request import Request
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
    UsageReported,
)
from headgate.canonical.usage import Usage
from headgate.protocols.framing import SseFramer, encode_event
from headgate.protocols.openai_chat.content import inline_image
from headgate.protocols.openai_chat.errors import DONE, failure_of
from headgate.protocols.openai_chat.messages import decode_images, decode_spoken, encode_signature, google_signature
from headgate.protocols.openai_chat.reasoning import decode_detail, encode_detail, keeps_more
from headgate.protocols.openai_chat.response import (
    answers_legacy,
    citations_of,
    custom_names,
    encode_citation,
    encode_logprobs,
    encode_tier,
    finish_of,
    finish_word,
    logprobs_of,
    sources_of,
    top_data,
    usage_of,
    wants_list,
)
from headgate.protocols.openai_chat.usage import encode_usage
from headgate.protocols.openai_chat.wire import (
    UNREADABLE,
    JsonObject,
    bag,
    dump,
    own,
    read_object,
    unreadable_answer,
)

_TEXT = ("text", None)
_SPECIAL = frozenset({"error", "x_groq", "citations", "search_results"})


class _Open(Struct):
    """A part that grows. `key` says what continues it; `text` is kept of thoughts, which the wire may tell twice."""

    index: int
    key: tuple[str, object]
    part: Part
    text: str = ""


class _Choice(Struct):
    """What is known of one of the answers."""

    number: int
    open: _Open | None = None
    calls: dict[int, _Open] = {}
    parts: list[Part] = []
    cited: bool = False
    finished: bool = False


class ChatStreamDecoder:
    """Wire bytes, in any cut, to events."""

    def __init__(self) -> None:
        self._framer = SseFramer()
        self._choices: dict[int, _Choice] = {}
        self._started: Started | None = None
        self._next_index = 0
        self._sources: JsonObject = {}
        self._ended = False

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take bytes as received; return what they say. After `Failed` there is nothing more."""
        events: list[StreamEvent] = []
        try:
            for frame in self._framer.feed(data):
                if frame.data and not self._ended:
                    events += self._read(frame.data)
        except Refused as refused:
            events += self._fail(refused.failure)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """The upstream has ended. Some end without `[DONE]` and without their last blank line; one that ends without a
        finish reason has broken off."""
        events: list[StreamEvent] = []
        try:
            for frame in self._framer.close():
                if frame.data and not self._ended:
                    events += self._read(frame.data)
        except Refused as refused:
            events += self._fail(refused.failure)
        if self._ended:
            return events
        if self._started is None or not all(choice.finished for choice in self._choices.values()) or not self._choices:
            message = "the upstream's stream broke off before its end"
            events += self._fail(Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM))
        self._ended = True
        return events

    def _fail(self, failure: Failure) -> list[StreamEvent]:
        self._ended = True
        return [Failed(failure=failure)]

    def _read(self, data: bytes) -> Iterator[StreamEvent]:
        if data.startswith(b"[DONE]"):  # OpenRouter has sent a space after it (recorded: openrouter/stream-basic)
            yield from self._done()
            return
        try:
            wire = read_object(data)
            plain = self._more(wire)
            events = [plain] if plain is not None else list(self._take(wire))
        except (*UNREADABLE, TypeError, AttributeError, ValueError) as error:
            raise unreadable_answer() from error
        yield from events

    def _more(self, wire: JsonObject) -> StreamEvent | None:
        """The commonest chunk by far, one more piece of the text that is open, read cheaply."""
        choices = wire.get("choices")
        if not choices or len(choices) != 1 or not _SPECIAL.isdisjoint(wire) or wire.get("usage"):
            return None
        choice = choices[0]
        known = self._choices.get(choice.get("index", 0))
        delta = choice.get("delta")
        if known is None or not delta or len(delta) != 1 or choice.get("finish_reason") or choice.get("logprobs"):
            return None
        current = known.open
        text = delta.get("content")
        if current is None or not isinstance(text, str) or not text or ";base64," in text:
            return None
        return PartDelta(index=current.index, text=text) if current.key == _TEXT else None

    def _done(self) -> Iterator[StreamEvent]:
        """`[DONE]` without a finish reason still is the upstream's word that it has finished."""
        for choice in self._choices.values():
            if not choice.finished:
                yield from self._finish(choice, None, None)
        if self._started is None or not self._choices:
            yield from self._fail(unreadable_answer().failure)
        self._ended = True

    def _take(self, wire: JsonObject) -> Iterator[StreamEvent]:
        x_groq = wire.get("x_groq")
        error = wire.get("error") or (x_groq.get("error") if isinstance(x_groq, dict) else None)
        if error:
            yield from self._fail(failure_of(error if isinstance(error, dict) else {"message": error}))
            return
        choices = wire.get("choices") or []
        if self._started is None and (choices or wire.get("id")):
            self._started = _started(wire)
            yield self._started
        self._sources |= {name: wire[name] for name in ("citations", "search_results") if wire.get(name)}
        for place, choice in enumerate(choices):
            number = choice.get("index", place)
            known = self._choices.setdefault(number, _Choice(number=number))
            yield from self._grow(known, choice)
            if self._ended:
                return
        usage = usage_of(wire)
        if usage is not None:
            yield UsageReported(usage=usage)

    def _grow(self, known: _Choice, choice: JsonObject) -> Iterator[StreamEvent]:
        delta = choice.get("delta") or choice.get("message") or {}
        logprobs = logprobs_of(choice)
        yield from self._think(known, delta)
        for part in decode_spoken(delta.get("content"), "content"):
            yield from self._speak(known, part, logprobs)
            logprobs = ()
        if delta.get("refusal"):
            text = str(delta["refusal"])
            yield from self._extend(
                known, ("refusal", None), Refusal(), PartDelta(index=0, text=text, logprobs=logprobs)
            )
        yield from self._cite(known, delta)
        if isinstance(delta.get("audio"), dict):
            yield from self._sound(known, delta["audio"])
        for image in decode_images(delta.get("images"), "images"):
            yield from self._whole(known, image)
        for call in delta.get("tool_calls") or ():
            yield from self._call(known, call)
        if isinstance(delta.get("function_call"), dict):
            yield from self._call(known, {"index": 0, "function": delta["function_call"], "legacy": True})
        signature = google_signature(delta)
        if signature is not None and known.open is not None and isinstance(known.open.part, Text):
            yield PartDelta(index=known.open.index, signature=signature)
        reason = choice.get("finish_reason")
        if reason == "error":
            yield from self._fail(failure_of({}))
        elif reason and not known.finished:
            yield from self._finish(known, reason, choice.get("stop_reason"))

    def _speak(self, known: _Choice, part: Part, logprobs: Any) -> Iterator[StreamEvent]:
        match part:
            case Text():
                if part.text:
                    said = PartDelta(index=0, text=part.text, logprobs=logprobs)
                    yield from self._extend(known, _TEXT, Text(), said)
            case Reasoning():
                if part.text:
                    yield from self._extend(known, ("thought", None), Reasoning(), PartDelta(index=0, text=part.text))
            case _:
                yield from self._whole(known, part)

    def _think(self, known: _Choice, delta: JsonObject) -> Iterator[StreamEvent]:
        """Thoughts. An entry of the list may tell again what the plain field told in pieces; then only its signature is
        news."""
        details = delta.get("reasoning_details")
        entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
        thoughts = [thought for entry in entries if (thought := decode_detail(entry)) is not None]
        plain = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(plain, str) and plain and not any(thought.text for thought in thoughts):
            yield from self._extend(known, ("thought", None), Reasoning(), PartDelta(index=0, text=plain))
        for entry, thought in zip([e for e in entries if decode_detail(e) is not None], thoughts, strict=True):
            if thought.redacted is not None:
                yield from self._whole(known, thought)
                continue
            current = known.open
            told = current is not None and current.key[0] == "thought" and current.text == thought.text
            text = "" if told else thought.text
            key = current.key if told and current is not None else ("thought", entry.get("index"))
            if current is not None and current.key == ("thought", None) and not thought.text:
                key = current.key
            empty = Reasoning(summary=thought.summary, id=thought.id, provider_data=thought.provider_data)
            news = PartDelta(index=0, text=text, signature=thought.signature)
            yield from self._extend(known, key, empty, news)
            if thought.signature is not None:
                yield from self._end(known)  # a signature closes its thought

    def _sound(self, known: _Choice, audio: JsonObject) -> Iterator[StreamEvent]:
        id_ = audio.get("id")
        expires_at = audio.get("expires_at")
        news = PartDelta(
            index=0,
            text=str(audio.get("transcript") or ""),
            data=str(audio.get("data") or ""),
            provider_data=bag({"expires_at": expires_at}) if expires_at else {},
        )
        empty = Audio(source=Source(), id=id_ if isinstance(id_, str) else None)
        yield from self._extend(known, ("audio", None), empty, news)

    def _cite(self, known: _Choice, delta: JsonObject) -> Iterator[StreamEvent]:
        for citation in citations_of(delta):
            known.cited = True
            yield from self._extend(known, _TEXT, Text(), PartDelta(index=0, citation=citation))

    def _call(self, known: _Choice, call: JsonObject) -> Iterator[StreamEvent]:
        """A piece of a tool call. Gemini's compatible surface numbers all calls 0, and some number none: a new id is a
        new call."""
        named = call.get("custom") if call.get("type") == "custom" or "custom" in call else call.get("function")
        named = named if isinstance(named, dict) else {}
        custom = "custom" in call
        text = named.get("input" if custom else "arguments") or ""
        if isinstance(text, dict):
            text = dump(text).decode()
        id_ = call.get("id") or ""
        number = call.get("index")
        if not isinstance(number, int):
            number = len(known.calls) if id_ or not known.calls else len(known.calls) - 1
        current = known.calls.get(number)
        if current is not None and id_ and named.get("name") and id_ != getattr(current.part, "id", id_):
            number = max(known.calls) + 1
            current = None
        if current is None:
            yield from self._end(known)
            part = ToolCall(
                id=id_ or f"call_{self._next_index}_{self._started.id[-12:] if self._started else ''}",
                name=str(named.get("name") or ""),
                custom=custom,
                signature=google_signature(call),
                provider_data=bag({"legacy": True}) if call.get("legacy") else {},
            )
            current = self._begin(known, ("call", number), part)
            known.calls[number] = current
            yield PartStarted(index=current.index, part=part, candidate=known.number)
        if text:
            yield PartDelta(index=current.index, text=text)

    def _extend(self, known: _Choice, key: tuple[str, object], empty: Part, delta: PartDelta) -> Iterator[StreamEvent]:
        """Let the open part grow if the delta continues it, else end it and begin another."""
        current = known.open
        if current is None or current.key != key:
            yield from self._end(known)
            current = self._begin(known, key, empty)
            yield PartStarted(index=current.index, part=empty, candidate=known.number)
        if key[0] == "thought":
            current.text += delta.text
        if delta.text or delta.data or delta.citation or delta.signature or delta.logprobs or delta.provider_data:
            yield PartDelta(
                index=current.index,
                text=delta.text,
                data=delta.data,
                citation=delta.citation,
                signature=delta.signature,
                logprobs=delta.logprobs,
                provider_data=delta.provider_data,
            )

    def _whole(self, known: _Choice, part: Part) -> Iterator[StreamEvent]:
        yield from self._end(known)
        current = self._begin(known, ("whole", self._next_index), part)
        yield PartStarted(index=current.index, part=part, candidate=known.number)
        yield from self._end(known)

    def _begin(self, known: _Choice, key: tuple[str, object], part: Part) -> _Open:
        known.open = _Open(index=self._next_index, key=key, part=part)
        known.parts.append(part)
        self._next_index += 1
        return known.open

    def _end(self, known: _Choice) -> Iterator[StreamEvent]:
        if known.open is not None:
            yield PartEnded(index=known.open.index)
            known.open = None

    def _finish(self, known: _Choice, reason: object, stop: object) -> Iterator[StreamEvent]:
        if not known.cited and known.open is not None and isinstance(known.open.part, Text):
            for citation in sources_of(self._sources):
                yield PartDelta(index=known.open.index, citation=citation)
        yield from self._end(known)
        known.finished = True
        yield Finished(
            reason=finish_of(reason, known.parts, stop),
            candidate=known.number,
            stop_sequence=stop if isinstance(stop, str) and stop else None,
        )


def _started(wire: JsonObject) -> Started:
    created = wire.get("created")
    tier = wire.get("service_tier")
    return Started(
        id=str(wire.get("id") or ""),
        model=str(wire.get("model") or ""),
        created=int(created) if isinstance(created, int | float) else 0,
        service_tier=tier if isinstance(tier, str) else None,
        provider_data=top_data(
            {name: value for name, value in wire.items() if name not in ("citations", "search_results")}
        ),
    )


class _Written(Struct):
    """A part being written. `place` is a tool call's index among its answer's calls, a thought's among its thoughts.
    `listed`: a thought known from its beginning to need the list of details, which then grows with it."""

    part: Part
    candidate: int
    place: int = 0
    text: str = ""
    listed: bool = False
    signature: Any = None
    unwrapper: Unwrapper | None = None


class ChatStreamEncoder:
    """Events to wire bytes, for the caller who asked `request`. Nothing is written for `Failed`: the error that ends
    the stream is `encode_stream_error`'s, who knows the request id."""

    def __init__(self, request: Request) -> None:
        self._include_usage = request.include_usage
        self._legacy = answers_legacy(request)
        self._custom = custom_names(request)
        self._cites = wants_list(request)
        self._head: JsonObject = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
        self._opening = dump(self._head)[:-1]  # every chunk but the usage chunk begins with these bytes
        self._parts: dict[int, _Written] = {}
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._refused: set[int] = set()
        self._spoken: dict[int, bool] = {}
        self._urls: dict[str, None] = {}
        self._notes: dict[int, int] = {}
        self._usage: Usage | None = None
        self._over = False

    def feed(self, events: Sequence[StreamEvent]) -> bytes:
        """Take events; return the chunks that tell them."""
        return b"".join(chunk for event in events for chunk in self._tell(event))

    def close(self) -> bytes:
        """The usage chunk, if the caller asked for one, and `[DONE]`."""
        if self._over:
            return b""
        self._over = True
        if not self._include_usage or self._usage is None:
            return DONE
        head = {name: value for name, value in self._head.items() if name != "usage"}
        return encode_event(dump({**head, "choices": [], "usage": encode_usage(self._usage)})) + DONE

    def _tell(self, event: StreamEvent) -> Iterator[bytes]:
        if self._over:
            return
        match event:
            case Started():
                self._begin(event)
                yield from self._greet(0)
            case PartStarted():
                yield from self._greet(event.candidate)
                yield from self._start(event)
            case PartDelta():
                yield from self._extend(event)
            case PartEnded():
                yield from self._end(event.index)
            case UsageReported():
                self._usage = event.usage
            case Finished():
                yield from self._greet(event.candidate)
                yield self._finish(event)
            case Failed():
                self._over = True

    def _begin(self, started: Started) -> None:
        self._usage = started.usage
        self._head |= {"id": started.id, "created": started.created, "model": started.model}
        self._head |= encode_tier(started.service_tier)
        self._head["system_fingerprint"] = None
        self._head |= own(started.provider_data)
        if self._include_usage:
            self._head["usage"] = None  # as OpenAI does in every chunk but the last
        self._opening = dump(self._head)[:-1]

    def _greet(self, candidate: int) -> Iterator[bytes]:
        """The role chunk, once an answer."""
        if candidate not in self._spoken:
            self._spoken[candidate] = False
            yield self._chunk(candidate, {"role": "assistant", "content": "", "refusal": None})

    def _chunk(
        self,
        candidate: int,
        delta: JsonObject,
        *,
        logprobs: Any = None,
        finish: str | None = None,
        stop: str | None = None,
    ) -> bytes:
        choice = {"index": candidate, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        if stop is not None:
            choice["stop_reason"] = stop
        return b"".join((b"data: ", self._opening, b',"choices":[', dump(choice), b"]}\n\n"))

    def _start(self, event: PartStarted) -> Iterator[bytes]:
        part, candidate = event.part, event.candidate
        written = _Written(part=part, candidate=candidate)
        self._parts[event.index] = written
        match part:
            case ToolCall():
                written.place = self._calls.get(candidate, 0)
                self._calls[candidate] = written.place + 1
                if part.name in self._custom and not part.custom:
                    written.unwrapper = Unwrapper()
                yield from self._open_call(written, part)
                if part.arguments:
                    yield from self._argue(written, part.arguments)
            case Reasoning():
                written.place = self._thoughts.get(candidate, 0)
                self._thoughts[candidate] = written.place + 1
                written.listed = part.redacted is None and keeps_more(part)
                written.signature = part.signature
                if part.text:
                    yield self._think(written, part.text)
            case Text() if part.text:
                yield self._say(written, part.text)
            case Refusal():
                self._refused.add(candidate)
                if part.text:
                    yield self._chunk(candidate, {"refusal": part.text})
            case Image() if part.source.data or part.source.url:
                gap = "\n\n" if self._spoken[candidate] else ""
                yield self._say(written, gap + inline_image(part))
            case Audio():
                yield self._chunk(candidate, {"audio": {"id": part.id or "audio", "transcript": part.transcript or ""}})
            case _:
                pass  # texts that are still empty; what the upstream's own tools did shows in the text

    def _think(self, written: _Written, text: str) -> bytes:
        delta: JsonObject = {"reasoning_content": text}
        if written.listed and isinstance(written.part, Reasoning):
            piece = replace(written.part, text=text, signature=None)
            delta["reasoning_details"] = [encode_detail(piece, written.place)]
        else:
            written.text += text
        return self._chunk(written.candidate, delta)

    def _open_call(self, written: _Written, call: ToolCall) -> Iterator[bytes]:
        if self._legacy:
            if written.place == 0:
                yield self._chunk(written.candidate, {"function_call": {"name": call.name, "arguments": ""}})
            return
        head = {"index": written.place, "id": call.id}
        if call.custom or written.unwrapper is not None:
            opened = {**head, "type": "custom", "custom": {"name": call.name, "input": ""}}
        else:
            function = {"name": call.name, "arguments": ""}
            opened = {**head, "type": "function", "function": function, **encode_signature(call.signature)}
        yield self._chunk(written.candidate, {"tool_calls": [opened]})

    def _argue(self, written: _Written, text: str) -> Iterator[bytes]:
        call = written.part
        if not isinstance(call, ToolCall) or not text:
            return
        if self._legacy:
            if written.place == 0:
                yield self._chunk(written.candidate, {"function_call": {"arguments": text}})
        elif call.custom or written.unwrapper is not None:
            piece = written.unwrapper.feed(text) if written.unwrapper else text
            if piece:
                yield self._call_chunk(written, {"custom": {"input": piece}})
        else:
            yield self._call_chunk(written, {"function": {"arguments": text}})

    def _call_chunk(self, written: _Written, members: JsonObject) -> bytes:
        return self._chunk(written.candidate, {"tool_calls": [{"index": written.place, **members}]})

    def _say(self, written: _Written, text: str) -> bytes:
        self._spoken[written.candidate] = True
        return self._chunk(written.candidate, {"content": text})

    def _extend(self, event: PartDelta) -> Iterator[bytes]:
        written = self._parts[event.index]
        candidate = written.candidate
        match written.part:
            case Text():
                yield from self._extend_text(written, event)
            case Refusal():
                logprobs = encode_logprobs(event.logprobs, refused=True)
                yield self._chunk(candidate, {"refusal": event.text}, logprobs=logprobs)
            case Reasoning():
                written.signature = event.signature or written.signature
                if event.text:
                    yield self._think(written, event.text)
            case ToolCall():
                yield from self._argue(written, event.text)
                if event.signature is not None and not self._legacy:
                    yield self._call_chunk(written, encode_signature(event.signature))
            case Audio():
                sound: JsonObject = {"transcript": event.text} if event.text else {}
                sound |= {"data": event.data} if event.data else {}
                yield self._chunk(candidate, {"audio": {**sound, **own(event.provider_data)}})
            case _:
                pass

    def _extend_text(self, written: _Written, event: PartDelta) -> Iterator[bytes]:
        if event.text or event.logprobs:
            self._spoken[written.candidate] = True
            logprobs = encode_logprobs(event.logprobs, refused=False)
            yield self._chunk(written.candidate, {"content": event.text}, logprobs=logprobs)
        if event.citation is not None:
            note = encode_citation(event.citation)
            if note is not None:
                self._urls[note["url_citation"]["url"]] = None
                # OpenAI's own client puts lists in deltas together by their members' index, and fails without one.
                number = self._notes.get(written.candidate, 0)
                self._notes[written.candidate] = number + 1
                yield self._chunk(written.candidate, {"annotations": [{"index": number, **note}]})
        if event.signature is not None:
            yield self._chunk(written.candidate, encode_signature(event.signature))

    def _end(self, index: int) -> Iterator[bytes]:
        """What can be told only when a part is whole: a thought's entry in the list, the last of a free text."""
        written = self._parts[index]
        if isinstance(written.part, Reasoning):
            thought = replace(written.part, text="" if written.listed else written.text, signature=written.signature)
            if thought.signature is not None or thought.redacted is not None:
                entry = encode_detail(thought, written.place)
                yield self._chunk(written.candidate, {"reasoning_details": [entry]})
        if written.unwrapper is not None:
            piece = written.unwrapper.close()
            if piece:
                yield self._call_chunk(written, {"custom": {"input": piece}})

    def _finish(self, event: Finished) -> bytes:
        refused = event.candidate in self._refused
        word = finish_word(event.reason, refused=refused, legacy=self._legacy)
        if self._cites:
            self._head["citations"] = list(self._urls)
            self._opening = dump(self._head)[:-1]
        return self._chunk(event.candidate, {}, finish=word, stop=event.stop_sequence)
