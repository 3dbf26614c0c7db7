"""What calls to other vendors' clouds need beyond a path."""

import json

import pytest

from fakes.peer import ok, peer, reply
from fakes.wire import Entry, entries, read, wire_params
from headgate.providers.majors import BEDROCK, VERTEX
from headgate.relay.clouds import reshaped, unwrapped
from headgate.relay.codecs import CODECS
from headgate.upstream import Client, Timeouts
from headgate.upstream.errors import ProtocolError
from protocols.framing.test_aws_event_stream import STREAM

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
AWS = b"content-type: application/vnd.amazon.eventstream"


def test_bedrock_wants_neither_model_nor_stream_in_the_body() -> None:
    """But the protocol's version, and the betas that the caller's header names; all else stays as it was written."""
    wanted = BEDROCK.endpoints["anthropic_messages"].reshape
    assert wanted is not None
    kept = b'"max_tokens":5,"temperature":1.0,"messages":[{"role":"user","content":"\xc3\xa9"}]'
    body = b'{"model":"m","stream":true,%b}' % kept
    headers = [(b"anthropic-beta", b"a-1, b-2"), (b"anthropic-version", b"2023-06-01")]
    added = b'"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-1","b-2"]'
    assert reshaped(body, wanted, headers) == b"{%b,%b}" % (kept, added)


def test_vertex_keeps_the_stream() -> None:
    """Recorded: vertex/anthropic-streamRawPredict."""
    wanted = VERTEX.endpoints["anthropic_messages"].reshape
    assert wanted is not None
    told = json.loads(reshaped(b'{"model":"m","stream":true,"messages":[]}', wanted, [(b"anthropic-beta", b"a")]))
    assert told == {"stream": True, "messages": [], "anthropic_version": "vertex-2023-10-16"}


@pytest.mark.parametrize("entry", wire_params(entries(provider="vertex", endpoint="anthropic-streamRawPredict")))
def test_a_recorded_vertex_body_is_what_we_would_send(entry: Entry) -> None:
    """The recorded body with a model in it, reshaped, is the recorded body."""
    wanted = VERTEX.endpoints["anthropic_messages"].reshape
    assert wanted is not None
    recorded = json.loads(read(entry).request.content)
    ours = {name: value for name, value in recorded.items() if name != "anthropic_version"} | {"model": "claude"}
    assert json.loads(reshaped(json.dumps(ours).encode(), wanted, [])) == recorded


async def test_an_event_stream_reads_as_server_sent_events() -> None:
    """Piece by piece, whatever the cut."""
    told: list[bytes] = []
    whole = ok(STREAM, AWS)
    async with peer(reply(whole[:100], whole[100:300], whole[300:])) as it:
        client = Client()
        answer = unwrapped(await client.send(it.origin(), HEAD, b"", Timeouts()))
        assert answer.header(b"content-type") == b"text/event-stream"
        await answer.pipe(told.append)
        assert answer.complete
        await client.close()
    assert b"".join(told).count(b"event: ") == 3
    assert b"".join(told).endswith(b'data: {"type": "message_stop"}\n\n')


async def test_other_answers_are_left_alone() -> None:
    """An error is JSON there too."""
    async with peer(reply(ok(b"{}", b"content-type: application/json"))) as it:
        client = Client()
        answer = await client.send(it.origin(), HEAD, b"", Timeouts())
        assert unwrapped(answer) is answer
        await client.close()


@pytest.mark.parametrize("body", [STREAM[:-4], STREAM[:-1] + b"x"])
async def test_a_stream_that_breaks_off_is_a_failure(body: bytes) -> None:
    """Half a message, or a damaged one."""
    async with peer(reply(ok(body, AWS))) as it:
        client = Client()
        answer = unwrapped(await client.send(it.origin(), HEAD, b"", Timeouts()))
        with pytest.raises(ProtocolError):
            await answer.pipe(lambda _: None)
        await client.close()


CLAUDE = [
    each
    for each in entries(provider="bedrock", endpoint="invoke-with-response-stream")
    if each.status == 200 and each.feature in {"stream-tool-result", "stream-image-input"}
]


@pytest.mark.parametrize("entry", wire_params(CLAUDE))
async def test_recorded_streams_are_metered_as_anthropics(entry: Entry) -> None:
    """Through the wrapper, the meter of Anthropic's protocol reads them to their end."""
    meter = CODECS["anthropic_messages"].meter(True)
    async with peer(reply(ok(read(entry).response.content, AWS))) as it:
        client = Client()
        answer = unwrapped(await client.send(it.origin(), HEAD, b"", Timeouts()))
        passed: list[bytes] = []
        await answer.pipe(lambda data: passed.append(meter.feed(data)))
        await client.close()
    assert b"".join(passed).startswith(b"event: message_start")
    assert meter.ended
    assert meter.failure is None
    assert meter.usage is not None
    assert meter.usage.output > 0
