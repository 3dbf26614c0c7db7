"""Who is calling, and whether they may: everything about an API key and its user that a call needs to know."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from msgspec import Struct

from headgate.canonical.failure import Failure, Kind

Network = IPv4Network | IPv6Network


class Caller(Struct, frozen=True, kw_only=True):
    """An API key with its user.

    Attributes:
        wallet_id: the account that pays.
        budget_id: the account that limits the key's spending; None for a key without a limit.
        group: the key's own group, else its user's.
        models: the only models the key may use; None for all.
        networks: the only addresses the key may be used from; empty for all.
    """

    key_id: int
    key_name: str
    user_id: int
    user_name: str
    wallet_id: int
    budget_id: int | None = None
    group: str = "default"
    models: frozenset[str] | None = None
    networks: tuple[Network, ...] = ()
    expires_at_ms: int | None = None
    key_enabled: bool = True
    user_enabled: bool = True


NO_KEY = Failure(
    kind=Kind.AUTHENTICATION,
    message="No API key was sent. Send it as 'Authorization: Bearer sk-…'.",
    code="missing_api_key",
)
UNKNOWN_KEY = Failure(kind=Kind.AUTHENTICATION, message="This API key is not known here.", code="invalid_api_key")


def admit(caller: Caller, now_ms: int, address: str) -> Failure | None:
    """Why the caller may not come in, or None. `address` is the client's IP address as text.

    The order is the contract's (3.2): the key itself (401), where it is used (403), its user (403).
    """
    if not caller.key_enabled:
        return Failure(kind=Kind.AUTHENTICATION, message="This API key is disabled.", code="invalid_api_key")
    if caller.expires_at_ms is not None and now_ms >= caller.expires_at_ms:
        return Failure(kind=Kind.AUTHENTICATION, message="This API key has expired.", code="invalid_api_key")
    if caller.networks and not _within(address, caller.networks):
        message = "This API key may not be used from your address."
        return Failure(kind=Kind.PERMISSION, message=message, code="access_denied")
    if not caller.user_enabled:
        return Failure(kind=Kind.PERMISSION, message="The user of this API key is disabled.", code="access_denied")
    return None


def may_use(caller: Caller, model: str) -> Failure | None:
    """Why the key may not use the model, or None."""
    if caller.models is None or model in caller.models:
        return None
    message = f"This API key may not use the model '{model}'."
    return Failure(kind=Kind.PERMISSION, message=message, code="access_denied", param="model")


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    # A socket that listens on both families names IPv4 callers this way.
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)
