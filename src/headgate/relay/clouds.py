"""What calls to other vendors' clouds need beyond a path: a body without the model, a proof of who calls, and their own
framing of streams undone. Calls that go anywhere else never come here."""

import msgspec
from msgspec import Raw

from headgate.canonical.failure import Refused
from headgate.protocols.framing.aws_event_stream import CONTENT_TYPE, AwsFramer, as_anthropic_event
from headgate.providers.provider import Reshape
from headgate.relay.client import Headers
from headgate.relay.outbound import Outbound
from headgate.upstream.answer import Answer, Sink
from headgate.upstream.errors import ProtocolError

_read = msgspec.json.Decoder(dict[str, Raw]).decode


async def finish(outbound: Outbound, head: bytes, body: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """The request as the cloud wants it, signed.

    Raises:
        Unsigned: it cannot be signed now.
    """
    if outbound.reshape is not None and body:
        body = reshaped(body, outbound.reshape, headers)
    if outbound.signer is not None:
        head = await outbound.signer.sign(head, body)
    return head, body


def reshaped(body: bytes, wanted: Reshape, headers: Headers) -> bytes:
    """The body with the wanted members removed and set; all others stay byte for byte. The body is one that a codec
    has read or written."""
    members: dict[str, object] = {name: raw for name, raw in _read(body).items() if name not in wanted.removes}
    for name, value in wanted.sets:
        members.setdefault(name, value)
    if wanted.betas_to is not None:
        betas = [beta.strip() for name, value in headers if name == b"anthropic-beta" for beta in value.split(b",")]
        if betas:
            members.setdefault(wanted.betas_to, [beta.decode("latin-1") for beta in betas if beta])
    return msgspec.json.encode(members)


def unwrapped(answer: Answer) -> Answer:
    """The answer as the protocol's own vendor gives it."""
    if (answer.header(b"content-type") or b"").startswith(CONTENT_TYPE):
        return AwsAnswer(answer)
    return answer


class AwsAnswer(Answer):
    """An answer whose AWS event stream reads as server-sent events."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Answer) -> None:
        self._inner = inner
        self.status = inner.status
        self.headers = [
            (name, b"text/event-stream" if name == b"content-type" else value) for name, value in inner.headers
        ]

    @property
    def complete(self) -> bool:
        return self._inner.complete

    async def read(self, limit: int) -> bytes:
        return _told(AwsFramer(), await self._inner.read(limit))

    async def pipe(self, sink: Sink) -> None:
        framer = AwsFramer()

        def pour(data: bytes) -> None:
            events = _told(framer, data)
            if events:
                sink(events)

        await self._inner.pipe(pour)
        if framer.pending:
            raise ProtocolError("The event stream breaks off.", received=True)

    def pause(self) -> None:
        self._inner.pause()

    def resume(self) -> None:
        self._inner.resume()

    def close(self) -> None:
        self._inner.close()


def _told(framer: AwsFramer, data: bytes) -> bytes:
    try:
        return b"".join(map(as_anthropic_event, framer.feed(data)))
    except Refused as refused:
        raise ProtocolError(refused.failure.message, received=True) from None
