"""What follows from an upstream's bad answer."""

import pytest

from headgate.canonical.failure import Failure, Kind
from headgate.relay.verdict import mask, of_bad_answer, of_error_answer, of_upstream_error
from headgate.upstream.errors import Broken, ConnectFailed, FirstByteTimedOut, UpstreamError


def failure(message: str = "no", **fields: str) -> Failure:
    return Failure(kind=Kind.UPSTREAM, message=message, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529, 404])
def test_what_another_channel_may_do_better_is_retried(status: int) -> None:
    """Faults of one upstream are no reason to fail the call."""
    assert of_error_answer(failure(), status).retry


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_the_callers_own_mistake_is_told_at_once(status: int) -> None:
    """Another channel would say the same, and the upstream is healthy."""
    verdict = of_error_answer(failure("messages is wrong"), status)

    assert not verdict.retry
    assert verdict.healthy
    assert verdict.failure.message == "messages is wrong"


@pytest.mark.parametrize(("status", "code"), [(401, None), (403, None), (402, None), (429, "insufficient_quota")])
def test_a_refused_credential_is_the_operators_trouble_not_the_callers(status: int, code: str | None) -> None:
    """The caller never sees a 401 that is about our key."""
    verdict = of_error_answer(Failure(kind=Kind.AUTHENTICATION, message="Incorrect API key", code=code), status)

    assert verdict.retry
    assert verdict.credential_at_fault
    assert verdict.failure.http_status == 503
    assert "key" not in verdict.failure.message


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (FirstByteTimedOut(), 504, "first_byte_timed_out"),
        (ConnectFailed("10.0.0.1"), 502, "connect_failed"),
        (Broken(), 502, "broken"),
    ],
)
def test_a_failed_connection_is_retried_and_told_without_addresses(
    error: UpstreamError, status: int, reason: str
) -> None:
    """The words for callers are our own."""
    verdict = of_upstream_error(error)

    assert (verdict.failure.http_status, verdict.reason, verdict.retry) == (status, reason, True)
    assert "10.0.0.1" not in verdict.failure.message


def test_an_empty_answer_is_a_failure() -> None:
    """An upstream that says nothing with a 200 is replaced."""
    assert of_bad_answer(Kind.EMPTY, "nothing").retry


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        ("Incorrect API key provided: sk-proj-abc123********wxyz.", "Incorrect API key provided: ***"),
        ("see https://internal.example.com/v1/x for details", "see *** for details"),
        ("dial tcp 10.1.2.3:443: refused", "dial tcp ***: refused"),
        (
            "Rate limit reached for gpt-4o in organization org-AbCdEf123456 on",
            "Rate limit reached for gpt-4o in organization *** on",
        ),
        ("messages.0.content is required", "messages.0.content is required"),
        ("Invalid value for 'temperature': 3.5", "Invalid value for 'temperature': 3.5"),
    ],
)
def test_secrets_addresses_and_accounts_are_masked(told: str, heard: str) -> None:
    """What names the operator's upstream account never reaches a caller; plain words stay."""
    assert mask(failure(told)).message == heard


def test_a_wrong_key_is_the_operators_whatever_status_says_so() -> None:
    """Google answers 400, and the caller, whose own key is right, must not read 401."""
    failure = Failure(kind=Kind.AUTHENTICATION, message="API key not valid.", status=401)
    verdict = of_error_answer(failure, 400)
    assert verdict.credential_at_fault
    assert verdict.retry
    assert verdict.failure.http_status == 503
