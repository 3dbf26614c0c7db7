"""Errors in Google's form."""

from typing import Any

import msgspec
import pytest
from google.genai import errors

from headgate.canonical.failure import DEFAULT_STATUS, Blame, Failure, Kind
from headgate.protocols.gemini_generate import CODEC


def error_body(code: int, message: str, status: str, *details: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "message": message, "status": status, "details": details}})


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "blame"),
    [
        (400, "Request contains an invalid argument.", "INVALID_ARGUMENT", Kind.INVALID_REQUEST, Blame.CALLER),
        (400, "API key not valid. Please pass one.", "INVALID_ARGUMENT", Kind.AUTHENTICATION, Blame.UPSTREAM),
        (400, "User location is not supported for the API use.", "X", Kind.PERMISSION, Blame.UPSTREAM),
        (400, "The input token count (9) exceeds the maximum number", "X", Kind.CONTEXT_TOO_LONG, Blame.CALLER),
        (401, "no", "UNAUTHENTICATED", Kind.AUTHENTICATION, Blame.UPSTREAM),
        (403, "no", "PERMISSION_DENIED", Kind.PERMISSION, Blame.UPSTREAM),
        (404, "models/x is not found for API version v1beta", "NOT_FOUND", Kind.MODEL_NOT_FOUND, Blame.CALLER),
        (404, "Publisher Model `x` not found.", "NOT_FOUND", Kind.MODEL_NOT_FOUND, Blame.CALLER),
        (404, "Not found: cache content metadata 8.", "NOT_FOUND", Kind.NOT_FOUND, Blame.CALLER),
        (429, "slow", "RESOURCE_EXHAUSTED", Kind.RATE_LIMITED, Blame.UPSTREAM),
        (500, "oops", "INTERNAL", Kind.UPSTREAM, Blame.UPSTREAM),
        (503, "The model is overloaded.", "UNAVAILABLE", Kind.OVERLOADED, Blame.UPSTREAM),
        (503, "later", "UNAVAILABLE", Kind.UNAVAILABLE, Blame.UPSTREAM),
        (504, "late", "DEADLINE_EXCEEDED", Kind.TIMED_OUT, Blame.UPSTREAM),
    ],
)
def test_upstream_errors(code: int, message: str, status: str, kind: Kind, blame: Blame) -> None:
    """By status, word and message; the upstream's words are kept."""
    failure = CODEC.decode_error(code, {}, error_body(code, message, status))
    assert (failure.kind, failure.blame, failure.message) == (kind, blame, message)


def test_when_to_come_again() -> None:
    """RetryInfo, or the header, which wins."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
    body = error_body(429, "slow", "RESOURCE_EXHAUSTED", info)
    assert CODEC.decode_error(429, {}, body).retry_after_s == 34.4
    assert CODEC.decode_error(429, {"Retry-After": "7"}, body).retry_after_s == 7
    assert CODEC.decode_error(429, {"retry-after": "Wed"}, b"").retry_after_s is None


def test_rows_and_rubbish() -> None:
    """A row of one, no JSON at all, odd types."""
    assert CODEC.decode_error(404, {}, b"[" + error_body(404, "gone", "NOT_FOUND") + b"]").message == "gone"
    for body in (b"", b"<html>", b'{"error":5}', b'{"error":{"code":true,"message":[],"details":5}}', b"[]"):
        assert CODEC.decode_error(502, {}, body).kind is Kind.UPSTREAM


@pytest.mark.parametrize("kind", list(Kind))
def test_every_failure_is_an_error_the_sdk_knows(kind: Kind) -> None:
    """Status, code and google-genai's own exception class agree."""
    answer = CODEC.encode_error(Failure(kind=kind, message="words", param="contents", retry_after_s=1.5), "req-1")
    body = msgspec.json.decode(answer.body)
    expected = 503 if DEFAULT_STATUS[kind] == 529 else DEFAULT_STATUS[kind]
    assert answer.status == body["error"]["code"] == expected
    assert body["error"]["message"] == "words (request id: req-1)"
    assert dict(answer.headers) == {"x-request-id": "req-1", "retry-after": "2"}
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"} in body["error"]["details"]
    found = errors.APIError(answer.status, body)
    assert found.status == body["error"]["status"]


def test_a_wrong_key_is_401() -> None:
    """Not Google's 400 (peers.md 9: SDKs map statuses to exception classes)."""
    answer = CODEC.encode_error(Failure(kind=Kind.AUTHENTICATION, message="bad key"), "r")
    assert (answer.status, msgspec.json.decode(answer.body)["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_in_a_stream_the_error_comes_first_in_its_object() -> None:
    """That is how google-genai tells it from an answer."""
    frame = CODEC.encode_stream_error(Failure(kind=Kind.INTERNAL, message="x"), "r")
    assert frame.startswith(b'data: {"error":')
    assert frame.endswith(b"}\r\n\r\n")
