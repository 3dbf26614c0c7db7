"""Errors in both directions."""

import anthropic
import httpx2
import msgspec
import pytest

from headgate.canonical.failure import Blame, Failure, Kind
from headgate.protocols.anthropic_messages.errors import (
    decode_error,
    decode_stream_error,
    encode_error,
    encode_stream_error,
)
from headgate.protocols.framing import SseFramer


def said(type_: str, message: str) -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"type": type_, "message": message}})


@pytest.mark.parametrize(
    ("status", "type_", "message", "kind", "blame"),
    [
        (400, "invalid_request_error", "temperature: range: 0..1", Kind.INVALID_REQUEST, Blame.CALLER),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", Kind.CONTEXT_TOO_LONG, Blame.CALLER),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            Kind.INSUFFICIENT_BALANCE,
            Blame.UPSTREAM,
        ),
        (401, "authentication_error", "invalid x-api-key", Kind.AUTHENTICATION, Blame.UPSTREAM),
        (402, "billing_error", "pay", Kind.INSUFFICIENT_BALANCE, Blame.UPSTREAM),
        (403, "permission_error", "no", Kind.PERMISSION, Blame.UPSTREAM),
        (404, "not_found_error", "model: claude-x", Kind.MODEL_NOT_FOUND, Blame.UPSTREAM),
        (404, "not_found_error", "no such file", Kind.NOT_FOUND, Blame.UPSTREAM),
        (413, "request_too_large", "big", Kind.TOO_LARGE, Blame.CALLER),
        (429, "rate_limit_error", "slow", Kind.RATE_LIMITED, Blame.UPSTREAM),
        (500, "api_error", "oops", Kind.UPSTREAM, Blame.UPSTREAM),
        (503, "api_error", "oops", Kind.UNAVAILABLE, Blame.UPSTREAM),
        (504, "timeout_error", "late", Kind.TIMED_OUT, Blame.UPSTREAM),
        (529, "overloaded_error", "Overloaded", Kind.OVERLOADED, Blame.UPSTREAM),
        (418, "teapot_error", "tea", Kind.UPSTREAM, Blame.UPSTREAM),
    ],
)
def test_an_upstreams_error_is_understood(status: int, type_: str, message: str, kind: Kind, blame: Blame) -> None:
    """By its type and words, with its status kept."""
    failure = decode_error(status, {}, said(type_, message))
    assert (failure.kind, failure.blame, failure.message, failure.type) == (kind, blame, message, type_)
    assert failure.http_status == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the upstream answered with status 502"),
        (b"<html>Bad gateway</html>", "the upstream answered with status 502"),
        (b'{"error":"plain"}', "plain"),
        (b'{"message":"bare"}', "bare"),
        (b'[{"error":{"code":502,"message":"vertex"}}]', "vertex"),
        (b'{"error":{"message":7}}', "the upstream answered with status 502"),
        (b"[" * 100_000, "the upstream answered with status 502"),
    ],
)
def test_an_error_in_no_known_form_is_still_one(body: bytes, message: str) -> None:
    """Proxies and hosts have forms of their own."""
    failure = decode_error(502, {}, body)
    assert (failure.kind, failure.message) == (Kind.UPSTREAM, message)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "14"}, 14.0),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, or exact milliseconds; a date has no meaning without a clock."""
    assert decode_error(429, headers, b"").retry_after_s == seconds


@pytest.mark.parametrize("kind", list(Kind))
def test_every_failure_has_an_anthropic_form(kind: Kind) -> None:
    """Status, type, request id and wait, where the SDK reads them."""
    failure = Failure(kind=kind, message="m", retry_after_s=1.2, code="c")
    answer = encode_error(failure, "req_7")
    body = msgspec.json.decode(answer.body)
    assert answer.status == failure.http_status
    assert body["type"] == "error"
    assert body["error"]["type"].endswith("_error") or body["error"]["type"] == "request_too_large"
    assert (body["error"]["message"], body["error"]["code"], body["request_id"]) == ("m", "c", "req_7")
    assert dict(answer.headers) == {"content-type": "application/json", "request-id": "req_7", "retry-after": "2"}


@pytest.mark.parametrize(
    ("kind", "exception"),
    [
        (Kind.INVALID_REQUEST, anthropic.BadRequestError),
        (Kind.AUTHENTICATION, anthropic.AuthenticationError),
        (Kind.INSUFFICIENT_BALANCE, anthropic.PermissionDeniedError),
        (Kind.MODEL_NOT_FOUND, anthropic.NotFoundError),
        (Kind.TOO_LARGE, anthropic.APIStatusError),
        (Kind.RATE_LIMITED, anthropic.RateLimitError),
        (Kind.INTERNAL, anthropic.InternalServerError),
        (Kind.OVERLOADED, anthropic.InternalServerError),
    ],
)
def test_the_sdk_raises_the_exception_of_the_failure(kind: Kind, exception: type[anthropic.APIStatusError]) -> None:
    """And finds the request id."""
    answer = encode_error(Failure(kind=kind, message="m"), "req_7")
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body)
    )
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="k", base_url="http://localhost", http_client=http, max_retries=0)
        with pytest.raises(exception) as caught:
            client.messages.create(model="claude-sonnet-5", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert caught.value.request_id == "req_7"
    assert caught.value.status_code == answer.status


def test_another_protocols_type_is_not_told() -> None:
    """Its own type is kept, a foreign one derived anew."""
    own = Failure(kind=Kind.UPSTREAM, message="m", type="overloaded_error", status=529)
    foreign = Failure(kind=Kind.UPSTREAM, message="m", type="server_error")
    assert msgspec.json.decode(encode_error(own, "r").body)["error"]["type"] == "overloaded_error"
    assert msgspec.json.decode(encode_error(foreign, "r").body)["error"]["type"] == "api_error"


def test_an_error_in_mid_stream_is_an_error_event() -> None:
    """As Anthropic's own, with the request id."""
    failure = Failure(kind=Kind.OVERLOADED, message="Overloaded", blame=Blame.UPSTREAM, type="overloaded_error")
    frames = SseFramer().feed(encode_stream_error(failure, "req_7"))
    assert [frame.event for frame in frames] == ["error"]
    body = msgspec.json.decode(frames[0].data)
    assert body["request_id"] == "req_7"
    assert decode_stream_error(body) == failure
    assert decode_stream_error({}).kind is Kind.UPSTREAM
