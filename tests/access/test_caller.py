"""Who may come in, from where, until when, and to which model."""

from ipaddress import ip_network

import pytest
from msgspec.structs import replace

from headgate.access.caller import Caller, admit, may_use

ALICE = Caller(key_id=1, key_name="dev", user_id=2, user_name="alice", wallet_id=16)
NOW = 1_000_000


def outcome(caller: Caller, address: str = "192.0.2.1") -> tuple[int, str | None] | None:
    failure = admit(caller, NOW, address)
    return (failure.http_status, failure.code) if failure else None


def test_a_plain_key_comes_in_from_anywhere() -> None:
    """Without limits there is nothing to check."""
    assert outcome(ALICE) is None
    assert outcome(ALICE, "not an address") is None


def test_the_key_comes_before_the_address_and_the_address_before_the_user() -> None:
    """The contract's order of checks, and its statuses."""
    caller = replace(ALICE, key_enabled=False, user_enabled=False, networks=(ip_network("10.0.0.0/8"),))
    assert outcome(caller) == (401, "invalid_api_key")
    caller = replace(caller, key_enabled=True, expires_at_ms=NOW)
    assert outcome(caller) == (401, "invalid_api_key")
    caller = replace(caller, expires_at_ms=NOW + 1)
    assert outcome(caller) == (403, "access_denied")
    assert outcome(caller, "10.1.2.3") == (403, "access_denied")
    assert outcome(replace(caller, user_enabled=True), "10.1.2.3") is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"])
def test_allowed_addresses(address: str) -> None:
    """Both families, and IPv4 as a dual-stack socket writes it."""
    caller = replace(ALICE, networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    assert outcome(caller, address) is None


@pytest.mark.parametrize("address", ["11.0.0.1", "2001:db9::7", "", "10.1.2.3:80"])
def test_other_addresses(address: str) -> None:
    """What lies outside, or is no address at all, is outside."""
    caller = replace(ALICE, networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    assert outcome(caller, address) == (403, "access_denied")


def test_a_key_for_some_models() -> None:
    """Only the named ones; a key without a list may use all."""
    assert may_use(ALICE, "anything") is None
    failure = may_use(replace(ALICE, models=frozenset({"gpt-4o"})), "o3")
    assert failure is not None
    assert failure.http_status == 403
    assert "'o3'" in failure.message
    assert may_use(replace(ALICE, models=frozenset({"gpt-4o"})), "gpt-4o") is None
