"""Every place where a client may put its key."""

import pytest

from headgate.access.credentials import presented_keys


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer sk-a")], b""),
        ([(b"authorization", b"bearer  sk-a ")], b""),
        ([(b"authorization", b"sk-a")], b""),
        ([(b"x-api-key", b"sk-a")], b""),
        ([(b"x-goog-api-key", b" sk-a")], b""),
        ([(b"mj-api-secret", b"sk-a")], b""),
        ([(b"authorization", b"midjourney-proxy"), (b"mj-api-secret", b"sk-a")], b""),
        ([(b"authorization", b""), (b"mj-api-secret", b"sk-a")], b""),
        ([(b"authorization", b"Bearer "), (b"mj-api-secret", b"sk-a")], b""),
        ([], b"alt=sse&key=sk%2Da"),
        ([(b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-a, openai-beta.realtime-v1")], b""),
        ([(b"host", b"gateway"), (b"authorization", b"Bearer sk-a"), (b"x-api-key", b"sk-a")], b"key=sk-a"),
    ],
)
def test_one_key_is_found_wherever_it_is(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    """All vendors' forms, and the same key in several places is one key."""
    assert presented_keys(headers, query) == (b"sk-a",)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([], b""),
        ([], b"monkey=sk-a&key="),
        ([(b"authorization", b"Basic dXNlcjpwYXNz")], b""),
        ([(b"authorization", b"Bearer")], b""),
        ([(b"sec-websocket-protocol", b"realtime")], b""),
        ([(b"x-request-id", b"sk-a")], b""),
    ],
)
def test_what_is_no_key_is_not_taken_for_one(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    """Other schemes, empty values and other fields present nothing."""
    assert presented_keys(headers, query) == ()


def test_several_keys_come_in_order_of_preference() -> None:
    """A vendor's own header says more than Authorization, which says more than the address line."""
    headers = [(b"authorization", b"Bearer sk-c"), (b"mj-api-secret", b"sk-d"), (b"x-goog-api-key", b"sk-b")]
    assert presented_keys([*headers, (b"x-api-key", b"sk-a")], b"key=sk-e") == (
        b"sk-a",
        b"sk-b",
        b"sk-c",
        b"sk-d",
        b"sk-e",
    )
