"""Failures on this protocol's wire. The words are tested where they are kept; here, that they are ours."""

import json

import httpx2
import openai
import pytest

from headgate.canonical.failure import Failure, Kind
from headgate.protocols.openai_chat.errors import decode_error, encode_error, encode_stream_error

CLASSES = {
    Kind.INVALID_REQUEST: openai.BadRequestError,
    Kind.AUTHENTICATION: openai.AuthenticationError,
    Kind.PERMISSION: openai.PermissionDeniedError,
    Kind.INSUFFICIENT_BALANCE: openai.PermissionDeniedError,
    Kind.MODEL_NOT_FOUND: openai.NotFoundError,
    Kind.RATE_LIMITED: openai.RateLimitError,
    Kind.UPSTREAM: openai.InternalServerError,
    Kind.OVERLOADED: openai.InternalServerError,
}


@pytest.mark.parametrize("kind", CLASSES)
def test_sdk_raises_its_own_class(kind: Kind) -> None:
    """Status, message with the request id, type and code."""
    answer = encode_error(Failure(kind=kind, message="no", retry_after_s=1.2), "req-1")

    def reply(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(answer.status, content=answer.body, headers=list(answer.headers))

    with httpx2.Client(transport=httpx2.MockTransport(reply)) as http:
        client = openai.OpenAI(api_key="sk-x", base_url="http://gateway/v1", max_retries=0, http_client=http)
        with pytest.raises(CLASSES[kind], match=r"no \(request id: req-1\)") as raised:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert raised.value.response.headers["retry-after"] == "2"
    assert raised.value.type
    assert raised.value.code


def test_overloaded_is_told_as_unavailable() -> None:
    """OpenAI's clients know no 529."""
    assert encode_error(Failure(kind=Kind.OVERLOADED, message="x"), "").status == 503


def test_error_in_a_stream_ends_it() -> None:
    """The same object as an event, then the protocol's own ending."""
    event, done, rest = encode_stream_error(Failure(kind=Kind.UPSTREAM, message="gone"), "r").split(b"\n\n")
    assert json.loads(event.removeprefix(b"data: "))["error"]["message"] == "gone (request id: r)"
    assert (done, rest) == (b"data: [DONE]", b"")


def test_error_is_told_and_read_back() -> None:
    """Another gateway downstream learns the same kind."""
    failure = Failure(kind=Kind.CONTEXT_TOO_LONG, message="too long")
    answer = encode_error(failure, "")
    assert decode_error(answer.status, {}, answer.body).kind is failure.kind
