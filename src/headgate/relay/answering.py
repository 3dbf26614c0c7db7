"""Carrying an upstream's good answer to the client, metered and settled: whole, or streamed as it arrives."""

import asyncio
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from headgate.billing.journal import JournalFailed
from headgate.billing.pricing import charge
from headgate.billing.receipt import Ending
from headgate.canonical.codec import Codec, Delivered, Meter, Read
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.request import Request
from headgate.canonical.stream import Response, assemble, disassemble
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate import ArrayReframer
from headgate.relay.bounds import FIRST_SLICE_TOKENS
from headgate.relay.call import Call
from headgate.relay.carrier import Arrayed, Translation
from headgate.relay.codecs import CODECS
from headgate.relay.settling import Progress, Settling
from headgate.relay.verdict import Verdict, mask, of_bad_answer, of_upstream_error
from headgate.upstream.answer import Answer
from headgate.upstream.errors import UpstreamError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_UNBEGUN_BYTES = 64 * 1024
JSON = {"content-type": "application/json"}
EVENT_STREAM = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}
JSON_ARRAY = {"content-type": "application/json; charset=utf-8", "x-accel-buffering": "no"}
NOTHING = Delivered()

UNRECORDED = Failure(
    kind=Kind.UNAVAILABLE,
    message="The call could not be recorded, so its answer is withheld; nothing was charged.",
    blame=Blame.GATEWAY,
    retry_after_s=5,
)
SPENT = Failure(
    kind=Kind.INSUFFICIENT_BALANCE,
    message="The balance is used up: the answer ends here. What was delivered has been charged.",
)
BROKEN = Failure(kind=Kind.UPSTREAM, message="The upstream broke off its answer.", blame=Blame.UPSTREAM)


def is_event_stream(answer: Answer) -> bool:
    """Whether the upstream streams events. Some early recordings show events under `application/json`; nobody does so
    any more."""
    return (answer.header(b"content-type") or b"").startswith(b"text/event-stream")


def canonical_request(call: Call) -> Request:
    """The call's request, decoded in full."""
    return call.codec.decode_request(call.body, call.asked.model, call.asked.stream)


async def answer_whole(call: Call, progress: Progress, answer: Answer, settling: Settling) -> Verdict | None:
    """Carry an answer that comes in one piece.

    Returns:
        None when the call is settled and answered; a verdict when the answer was none and another channel may be tried.
    """
    assert progress.way is not None
    try:
        data = await answer.read(MAX_ANSWER_BYTES)
    except UpstreamError as error:
        return of_upstream_error(error)
    upstream = CODECS[progress.way.outbound.protocol]
    try:
        if upstream is call.codec and not call.peek.stream and not is_event_stream(answer):
            read, out, delivered = upstream.read(data), data, None
        else:
            response = _gather(upstream, data, streamed=is_event_stream(answer))
            read, out, delivered = _retell(call, response)
    except Refused as refused:
        failure = refused.failure
        if failure.blame is Blame.UPSTREAM and failure.message:
            return of_bad_answer(failure.kind, mask(failure).message)
        return of_bad_answer(Kind.UPSTREAM, "The upstream's answer is not what its protocol says.")
    if read.empty:
        return of_bad_answer(Kind.EMPTY, "The upstream gave an empty answer.")
    if read.usage is None and delivered is None:
        delivered = upstream.read_delivered(data)
    progress.first_byte_ms = int((monotonic() - call.clocks.began_s) * 1000)
    progress.response_id = read.response_id
    try:
        settling.charged(call, progress, "completed", read.usage, delivered or NOTHING)
    except JournalFailed:
        call.client.refuse(call.codec.encode_error(UNRECORDED, call.id))
        return None
    if call.peek.stream:
        voice = _voice(call)
        if voice.reframer is not None:
            out = voice.reframer.feed(out) + voice.reframer.close()
        call.client.begin(200, _with_dropped(voice.headers, progress), out)
        call.client.finish()
    else:
        call.client.answer(200, _with_dropped(JSON, progress), out)
    return None


def _gather(codec: Codec, data: bytes, *, streamed: bool) -> Response:
    if not streamed:
        return codec.decode_response(data)
    decoder = codec.stream_decoder()
    return assemble([*decoder.feed(data), *decoder.close()])


def _retell(call: Call, response: Response) -> tuple[Read, bytes, Delivered]:
    """A whole answer of any protocol, told in the caller's: whole, or as a stream where one was asked for."""
    request = canonical_request(call)
    response = replace(response, created=response.created or call.clocks.started_ms // 1000)
    empty = not any(candidate.parts for candidate in response.candidates)
    if call.peek.stream:
        encoder = call.codec.stream_encoder(request)
        out = encoder.feed(list(disassemble(response))) + encoder.close()
    else:
        out = call.codec.encode_response(response, request)
    return Read(usage=response.usage, empty=empty, model=response.model), out, Translation.heard(response)


class Voice(Struct, frozen=True, kw_only=True):
    """How a stream is told to its caller: as server-sent events, or as one JSON array."""

    headers: dict[str, str]
    reframer: ArrayReframer | None = None

    def error(self, call: Call, failure: Failure) -> bytes:
        """The bytes that end a stream which has begun."""
        told = call.codec.encode_stream_error(failure, call.id)
        return told if self.reframer is None else self.reframer.feed(told) + self.reframer.close()


def _voice(call: Call) -> Voice:
    if call.asked.array:
        return Voice(headers=JSON_ARRAY, reframer=ArrayReframer())
    return Voice(headers=EVENT_STREAM)


def _with_dropped(headers: dict[str, str], progress: Progress) -> dict[str, str]:
    if not progress.dropped:
        return headers
    return {**headers, "x-headgate-dropped": ", ".join(progress.dropped)}


async def answer_stream(call: Call, progress: Progress, answer: Answer, settling: Settling) -> Verdict | None:
    """Carry a streamed answer as it arrives.

    Returns:
        None when the call is settled and answered; a verdict when nothing was sent yet and another channel may be
        tried.
    """
    assert progress.way is not None
    upstream = CODECS[progress.way.outbound.protocol]
    meter: Meter
    if upstream is call.codec:
        meter = upstream.meter(call.peek.wants_usage)
    else:
        meter = Translation(upstream, call.codec, canonical_request(call), call.clocks.started_ms // 1000)
    voice = _voice(call)
    if voice.reframer is not None:
        meter = Arrayed(meter, voice.reframer)
    flow = Flow(call, progress, answer, meter, settling, voice)
    call.client.on_flow = flow.peer_is_slow
    try:
        await answer.pipe(flow.feed)
    except UpstreamError as error:
        return flow.broken(of_upstream_error(error))
    except asyncio.CancelledError:
        flow.left()
        raise
    finally:
        call.client.on_flow = None
    return flow.ended()


class Flow:
    """One live stream: takes the upstream's bytes, gives the client's, and settles before the last of them."""

    __slots__ = (
        "_answer",
        "_call",
        "_covered",
        "_extending",
        "_held",
        "_meter",
        "_peer_slow",
        "_progress",
        "_settled",
        "_settling",
        "_stopped",
        "_voice",
        "begun",
    )

    def __init__(
        self,
        call: Call,
        progress: Progress,
        answer: Answer,
        meter: Meter,
        settling: Settling,
        voice: Voice,
    ) -> None:
        self._call = call
        self._voice = voice
        self._progress = progress
        self._answer = answer
        self._meter = meter
        self._settling = settling
        self._held: list[bytes] = []
        self._covered = FIRST_SLICE_TOKENS * call.peek.n
        self._extending: asyncio.Task[None] | None = None
        self._peer_slow = False
        self._settled = False
        self._stopped: Failure | None = None
        self.begun = False

    # --- while it runs ---

    def feed(self, data: bytes) -> None:
        """The sink of the upstream's answer."""
        meter = self._meter
        if self._stopped is not None:
            return
        try:
            out = meter.feed(data)
        except Refused as refused:
            # A stream that cannot be read on (an endless frame) cannot be metered on either.
            self._stopped = mask(refused.failure)
            self._answer.close()
            return
        if not self.begun:
            out = self._begin(out)
        elif not meter.ended or self._settled or self._settle("completed"):
            self._call.client.write(out)
        if meter.tokens > self._covered and not self._settled:
            self._extend()

    def _begin(self, out: bytes) -> bytes:
        """Keep back what says nothing yet, so that an upstream that fails now can still be replaced."""
        meter = self._meter
        self._held.append(out)
        waiting = not meter.begun and sum(map(len, self._held)) <= MAX_UNBEGUN_BYTES
        if waiting or meter.failure is not None:
            return b""
        progress = self._progress
        progress.first_byte_ms = int((monotonic() - self._call.clocks.began_s) * 1000)
        if meter.ended and not self._settle("completed"):
            return b""
        self.begun = True
        first = b"".join(self._held)
        self._held = []
        self._call.client.begin(200, _with_dropped(self._voice.headers, progress), first)
        return first

    def peer_is_slow(self, slow: bool) -> None:
        """Back-pressure: read from the upstream no faster than the client takes."""
        self._peer_slow = slow
        if slow:
            self._answer.pause()
        elif self._extending is None:
            self._answer.resume()

    def _extend(self) -> None:
        """The output has outgrown the hold: hold as much again; where the purse is empty, wait for the wallet."""
        extra_tokens = self._covered
        extra_nano = charge(self._call.price, Usage(output=extra_tokens), self._call.multiplier_ppm)
        if self._progress.hold.extend(extra_nano):
            self._covered += extra_tokens
        elif self._extending is None:
            self._answer.pause()
            self._extending = asyncio.get_running_loop().create_task(self._extend_slowly(extra_nano, extra_tokens))

    async def _extend_slowly(self, extra_nano: int, extra_tokens: int) -> None:
        granted = await self._settling.extend(self._progress.hold, extra_nano)
        self._extending = None
        if granted:
            self._covered += extra_tokens
            if not self._peer_slow:
                self._answer.resume()
        elif not self._settled:
            self._stopped = SPENT
            self._answer.close()

    # --- how it ends ---

    def ended(self) -> Verdict | None:
        """The upstream's answer is complete, as far as HTTP can tell."""
        meter = self._meter
        tail = meter.close()
        if self._stopped is not None:
            return self._break_off(self._stopped)
        if meter.failure is not None:
            failure = mask(meter.failure)
            if not self.begun:
                return of_bad_answer(failure.kind, failure.message)
            return self._break_off(failure, "error_in_stream")
        if not self.begun:
            if not meter.begun:
                return of_bad_answer(Kind.EMPTY, "The upstream gave an empty answer.")
            self._begin(tail)
            tail = b""
        if not self._settled:
            if not meter.ended and meter.finish is None:
                return self._break_off(BROKEN)
            if not self._settle("completed"):
                return self._break_off(UNRECORDED)
        self._call.client.finish(tail)
        return None

    def broken(self, verdict: Verdict) -> Verdict | None:
        """The connection to the upstream failed, or we closed it because the money ran out."""
        if self._settled and self.begun and self._stopped is None:
            self._call.client.finish()
            return None
        if not self.begun and self._stopped is None:
            return verdict
        return self._break_off(self._stopped or verdict.failure, verdict.reason)

    def left(self) -> None:
        """The call was cancelled: the client has gone, or the gateway shuts down."""
        self._cancel_extension()
        if self._settled or not self._progress.hold.open:
            return
        gone = self._call.client.gone
        if not gone and not self.begun:
            # Nothing was delivered and nobody left: the call is answered and let go as one that never got this far.
            return
        self._settle("client_gone" if gone else "upstream_failed")
        if not gone:
            self._call.client.finish(self._voice.error(self._call, BROKEN))

    def _break_off(self, failure: Failure, reason: str = "broke_off") -> Verdict | None:
        """End a stream that has begun with the protocol's own error; charge what was delivered."""
        self._cancel_extension()
        if failure.blame is Blame.UPSTREAM:
            self._progress.fault = reason
        if not self._settled and self._progress.hold.open:
            self._settle("balance_spent" if failure is SPENT else "upstream_failed")
        if self.begun:
            self._call.client.finish(self._voice.error(self._call, failure))
        else:
            self._call.client.refuse(self._call.codec.encode_error(failure, self._call.id))
        return None

    def _settle(self, ending: Ending) -> bool:
        """Charge and record; False, and the stream is to be stopped, where it could not be recorded."""
        meter = self._meter
        self._settled = True
        self._progress.response_id = getattr(meter, "response_id", None)
        usage = meter.usage
        delivered = NOTHING if usage is not None and ending == "completed" else meter.delivered()
        try:
            self._settling.charged(self._call, self._progress, ending, usage, delivered)
        except JournalFailed:
            self._stopped = UNRECORDED
            return False
        return True

    def _cancel_extension(self) -> None:
        if self._extending is not None:
            self._extending.cancel()
            self._extending = None
