"""The reader of recordings reads every one of them."""

import pytest

from fakes.wire import Entry, entries, exchanges, read, wire_params


def test_every_recording_can_be_read() -> None:
    """No recording needs special treatment by a test that uses it."""
    found = exchanges()
    assert len(found) > 3000
    assert all(exchange.response.status == (exchange.entry.status or 101) for exchange in found)


def test_recordings_are_found_by_what_they_show() -> None:
    """Filters combine, and a feature is matched by its beginning."""
    found = exchanges(provider="anthropic", endpoint="messages", feature_prefix="stream-", stream=True)
    assert found
    assert all(b"message_start" in exchange.response.content for exchange in found if exchange.entry.status == 200)


@pytest.mark.parametrize("entry", wire_params(entries(provider="groq")[:1]))
def test_recordings_can_be_parameters(entry: Entry) -> None:
    """A case per recording, chosen while tests are collected."""
    assert read(entry).entry.provider == "groq"
