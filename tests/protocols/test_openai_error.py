"""OpenAI's error envelope, both ways."""

import json

import pytest

from headgate.canonical.failure import DEFAULT_STATUS, Blame, Failure, Kind
from headgate.protocols.openai_error import decode_error, encode_error, failure_of


@pytest.mark.parametrize("kind", list(Kind))
def test_every_failure_has_words(kind: Kind) -> None:
    """Message, type and code; the request id in the message; the status of its kind."""
    answer = encode_error(Failure(kind=kind, message="no"), "req_1")
    error = json.loads(answer.body)["error"]
    assert error["message"] == "no (request id: req_1)"
    assert error["type"]
    assert error["code"]
    assert answer.status == (503 if kind is Kind.OVERLOADED else DEFAULT_STATUS[kind])


def test_an_upstreams_words_are_kept() -> None:
    """Type, code and parameter of the upstream go first; the time to wait is told."""
    failure = Failure(kind=Kind.RATE_LIMITED, message="m", type="tokens", code="c", param="p", retry_after_s=1.2)
    answer = encode_error(failure, "")
    assert json.loads(answer.body)["error"] == {"message": "m", "type": "tokens", "param": "p", "code": "c"}
    assert answer.headers == (("retry-after", "2"),)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, b'{"error":{"message":"m","code":"context_length_exceeded"}}', Kind.CONTEXT_TOO_LONG, "m"),
        (400, b'{"code":"invalid-argument","error":"Model not found"}', Kind.INVALID_REQUEST, "Model not found"),
        (401, b'{"detail":"Could not parse your token"}', Kind.AUTHENTICATION, "Could not parse your token"),
        (
            404,
            b'{"error":{"message":"The model x does not exist"}}',
            Kind.MODEL_NOT_FOUND,
            "The model x does not exist",
        ),
        (429, b'[{"error":{"message":"slow","code":429}}]', Kind.RATE_LIMITED, "slow"),
        (429, b'{"error":{"message":"m","code":"insufficient_quota"}}', Kind.INSUFFICIENT_BALANCE, "m"),
        (502, b"<html>nginx</html>", Kind.UPSTREAM, "The upstream answered with status 502."),
        (529, b"", Kind.OVERLOADED, "The upstream answered with status 529."),
    ],
)
def test_vendors_forms_are_read(status: int, body: bytes, kind: Kind, message: str) -> None:
    """Wherever a vendor keeps its words; markup is not passed on."""
    failure = decode_error(status, {}, body)
    assert (failure.kind, failure.message, failure.http_status) == (kind, message, status)


def test_waiting_times_are_read() -> None:
    """Milliseconds before seconds; dates are not understood."""
    assert decode_error(429, {"retry-after-ms": "1500", "retry-after": "9"}, b"").retry_after_s == 1.5
    assert decode_error(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"").retry_after_s is None


def test_failures_inside_an_answer_are_read() -> None:
    """Without a status the object's own words decide."""
    assert failure_of({"message": "m", "code": "rate_limit_exceeded"}).kind is Kind.RATE_LIMITED
    assert failure_of({"message": "m", "code": 503}).kind is Kind.UNAVAILABLE
    assert failure_of({}).blame is Blame.UPSTREAM
