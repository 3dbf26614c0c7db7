"""Responses that an upstream keeps: asking for them again, and going on from them.

What a response's id stands for is known to one channel and one credential, and is its user's alone. So a call that
names an earlier response goes there or nowhere.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

from msgspec.structs import replace

from headgate.access.caller import Caller
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.channels.channel import Channel
from headgate.channels.pins import Pin, Pins
from headgate.channels.routes import Route
from headgate.protocols.openai_responses import CODEC, References, references
from headgate.relay.asked import Asked
from headgate.relay.call import Call
from headgate.relay.client import Client
from headgate.relay.clouds import finish
from headgate.relay.snapshot import Snapshot, Way
from headgate.relay.unsigned import Unsigned
from headgate.relay.verdict import mask, of_error_answer, of_upstream_error
from headgate.store.database import StoreUnavailable
from headgate.upstream.answer import Answer
from headgate.upstream.client import Client as UpstreamClient
from headgate.upstream.errors import UpstreamError
from headgate.upstream.origin import Timeouts

MAX_ANSWER_BYTES = 256 * 1024 * 1024
QUERY = frozenset(
    {"include", "include[]", "include_obfuscation", "stream", "starting_after", "limit", "order", "after", "before"}
)
"""What of a query is sent on: what the API has, and no key."""

STORE_AWAY = Failure(
    kind=Kind.UNAVAILABLE,
    message="The gateway cannot reach its database at the moment. Try again shortly.",
    blame=Blame.GATEWAY,
    retry_after_s=2,
)


class StoredResponses:
    """One worker's.

    Args:
        clock: Unix milliseconds.
    """

    def __init__(self, pins: Pins, upstream: UpstreamClient, clock: Callable[[], int]) -> None:
        self._pins = pins
        self._upstream = upstream
        self._clock = clock

    async def placed(self, call: Call) -> Call:
        """The call, bound to the channel and credential that know what its request leans on.

        Raises:
            Refused: it leans on something that is unknown, gone or another user's.
        """
        leaning = references(call.body)
        if leaning.background:
            raise Refused(_NO_BACKGROUND)
        pin = await self._pin(call, leaning)
        stored = leaning.store is not False
        if pin is None:
            return call if stored else replace(call, stored=False)
        routes = tuple(route for route in call.routes if _knows(route.channel, pin))
        if not routes:
            raise Refused(_gone(leaning))
        return replace(call, routes=routes, credential_id=pin.credential_id, stored=stored)

    def made(self, call: Call, way: Way, response_id: str) -> None:
        """A call has completed: remember who keeps its response."""
        if not call.stored:
            return
        route = way.route
        pin = Pin(
            id=response_id,
            user_id=call.caller.user_id,
            channel_id=route.channel.id,
            credential_id=way.credential_id,
            model=route.model,
            upstream_model=route.upstream_model,
            made_at=self._clock(),
        )
        self._pins.note(pin)

    async def serve(self, client: Client, asked: Asked, caller: Caller, snapshot: Snapshot) -> None:
        """Relay a request about an earlier response to the channel that made it, and its answer back.

        Raises:
            Refused: the response is unknown here, or the upstream does not give it.
        """
        pin = await self._found(asked.name, caller)
        way = _way(pin, caller, snapshot) if pin is not None else None
        if pin is None or way is None:
            raise Refused(_not_found(asked.name))
        answer = await self._send(client, asked, way)
        try:
            if not 200 <= answer.status < 300:
                raise Refused(await _error(answer))
            if (answer.header(b"content-type") or b"").startswith(b"text/event-stream"):
                await _pour(client, answer)
                return
            body = await answer.read(MAX_ANSWER_BYTES)
        except UpstreamError as error:
            raise Refused(of_upstream_error(error).failure) from None
        finally:
            answer.close()
        if asked.method == "DELETE":
            await self._forget(pin)
        client.answer(200, {"content-type": "application/json"}, body)

    async def _pin(self, call: Call, leaning: References) -> Pin | None:
        """What binds the call. Of items that are only named nobody knows where they are; the user's latest response
        is the likeliest place."""
        if leaning.previous_response_id is not None:
            pin = await self._found(leaning.previous_response_id, call.caller)
            if pin is None:
                raise Refused(_gone(leaning))
            return pin
        if leaning.conversation is not None:
            # None can be made here, so it is another's.
            raise Refused(_gone(leaning))
        if not leaning.items:
            return None
        try:
            pin = await self._pins.latest(call.caller.user_id)
        except StoreUnavailable:
            raise Refused(STORE_AWAY) from None
        if pin is None:
            raise Refused(_gone(leaning))
        return pin

    async def _found(self, pin_id: str, caller: Caller) -> Pin | None:
        try:
            return await self._pins.find(pin_id, caller.user_id)
        except StoreUnavailable:
            raise Refused(STORE_AWAY) from None

    async def _forget(self, pin: Pin) -> None:
        try:
            await self._pins.forget(pin.id)
        except StoreUnavailable:
            # The upstream will say that it is gone.
            return

    async def _send(self, client: Client, asked: Asked, way: Way) -> Answer:
        outbound, channel = way.outbound, way.route.channel
        path = f"{outbound.path}/{quote(asked.name, safe='')}" + (f"/{asked.detail}" if asked.detail else "")
        query = [each for each in parse_qsl(client.query.decode("latin-1"), keep_blank_values=True) if each[0] in QUERY]
        head = outbound.head_for(asked.method, f"{path}?{urlencode(query)}" if query else path)
        body = b""
        try:
            if outbound.special:
                head, body = await finish(outbound, head, body, client.headers)
            timeouts = Timeouts(channel.connect_s, channel.first_byte_s, channel.idle_s)
            return await self._upstream.send(outbound.origin, head, body, timeouts)
        except Unsigned as unsigned:
            raise Refused(unsigned.verdict.failure) from None
        except UpstreamError as error:
            raise Refused(of_upstream_error(error).failure) from None


def _knows(channel: Channel, pin: Pin) -> bool:
    return channel.id == pin.channel_id and any(each == pin.credential_id for each, _ in channel.credentials)


def _way(pin: Pin, caller: Caller, snapshot: Snapshot) -> Way | None:
    """How to reach the channel that keeps it; None where that channel or credential is no longer used."""
    for channel in snapshot.channels:
        if channel.enabled and _knows(channel, pin):
            routes = snapshot.routes.routes(caller.group, pin.model)
            known = next((route for route in routes if route.channel is channel), None)
            route = known or Route(model=pin.model, upstream_model=pin.upstream_model, channel=channel)
            credential = next(each for each in channel.credentials if each[0] == pin.credential_id)
            try:
                way = snapshot.way(route, credential, CODEC.name)
            except ValueError:
                return None
            return way if way.outbound.protocol == CODEC.name else None
    return None


async def _pour(client: Client, answer: Answer) -> None:
    """Carry a stream as it arrives."""

    def slow(wait: bool) -> None:
        (answer.pause if wait else answer.resume)()

    client.on_flow = slow
    client.begin(200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}, b"")
    try:
        await answer.pipe(client.write)
    except UpstreamError as error:
        client.finish(CODEC.encode_stream_error(of_upstream_error(error).failure, ""))
    else:
        client.finish()
    finally:
        client.on_flow = None


async def _error(answer: Answer) -> Failure:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    failure = CODEC.decode_error(answer.status, headers, await answer.read(MAX_ANSWER_BYTES))
    return mask(failure) if answer.status == 404 else of_error_answer(failure, answer.status).failure


def _not_found(response_id: str) -> Failure:
    return Failure(
        kind=Kind.NOT_FOUND,
        message=(
            f"Response with id '{response_id[:100]}' not found. Responses are kept where the model is served in this "
            "protocol and `store` was not false; those translated from another protocol are not stored."
        ),
        type="invalid_request_error",
    )


def _gone(leaning: References) -> Failure:
    """In the words of OpenAI, whose status is 400 (recorded: openai/responses error-400)."""
    if leaning.previous_response_id is not None:
        return Failure(
            kind=Kind.INVALID_REQUEST,
            message=f"Previous response with id '{leaning.previous_response_id[:100]}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if leaning.conversation is not None:
        message = f"Conversation with id '{leaning.conversation[:100]}' not found."
        return Failure(kind=Kind.NOT_FOUND, message=message, type="invalid_request_error", param="conversation")
    message = "An item is only referred to, and there is no earlier response that it could be of."
    return Failure(kind=Kind.NOT_FOUND, message=message, type="invalid_request_error", param="input")


_NO_BACKGROUND = Failure(
    kind=Kind.INVALID_REQUEST,
    message="'background' is not supported here: ask for the response in the foreground, streamed if it takes long.",
    param="background",
    code="unsupported_parameter",
)
