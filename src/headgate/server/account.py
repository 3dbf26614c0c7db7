"""What a key may learn about itself with nothing but itself: its balance. (The models it may use: `models.py`.)

These are the routes clients use to show a balance (contract 13.2). They are no calls: nothing is relayed or charged, so
they are ordinary FastAPI routes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from msgspec import Struct

from headgate.access.caller import Caller
from headgate.server.listed import Listed

NANO = 1_000_000_000
UNITS_PER_USD = 500_000
"""The unit of `quota` that clients of this family of gateways expect (contract 3.6)."""
UNLIMITED_USD = 100_000_000


class Standing(Struct, frozen=True, kw_only=True):
    """What a key has spent and what it may still spend, in nano-dollars. `left_nano` is bounded by the user's wallet
    and by the key's own limit; `limit_nano` is None for a key without one."""

    spent_nano: int
    left_nano: int
    limit_nano: int | None


class Account(Struct, frozen=True, kw_only=True):
    """What these routes need to know, as functions.

    Attributes:
        caller: the caller of a request's headers and query, admitted or not; raises `Refused`.
        models: the models a caller may ask for.
        standing: what a caller has spent and has left; raises `StoreUnavailable`.
    """

    caller: Callable[[list[tuple[bytes, bytes]], bytes, str | None], Awaitable[Caller]]
    models: Callable[[Caller], Sequence[Listed]]
    standing: Callable[[Caller], Awaitable[Standing]]


def routes(account: Callable[[Request], Account]) -> APIRouter:
    """The router. `account` finds the worker's `Account` for a request."""
    router = APIRouter()

    async def known(request: Request) -> Caller:
        return await account(request).caller(request.scope["headers"], request.scope["query_string"], None)

    Known = Annotated[Caller, Depends(known)]  # noqa: N806 - a type

    @router.get("/api/usage/token")
    @router.get("/api/usage/token/", include_in_schema=False)
    async def usage_of_key(request: Request, caller: Known) -> dict[str, Any]:
        standing = await account(request).standing(caller)
        used = _units(standing.spent_nano)
        left = _units(standing.left_nano)
        data = {
            "object": "token_usage",
            "name": caller.key_name,
            "total_granted": used + left,
            "total_used": used,
            "total_available": left,
            "unlimited_quota": standing.limit_nano is None,
            "model_limits": dict.fromkeys(sorted(caller.models or ()), True),
            "model_limits_enabled": caller.models is not None,
            "expires_at": (caller.expires_at_ms or 0) // 1000,
        }
        return {"code": True, "message": "ok", "data": data}

    @router.get("/v1/dashboard/billing/subscription")
    @router.get("/dashboard/billing/subscription", include_in_schema=False)
    async def subscription(request: Request, caller: Known) -> dict[str, Any]:
        standing = await account(request).standing(caller)
        limit = (standing.spent_nano + standing.left_nano) / NANO
        return {
            "object": "billing_subscription",
            "has_payment_method": True,
            "soft_limit_usd": limit,
            "hard_limit_usd": limit,
            "system_hard_limit_usd": limit if standing.limit_nano is not None else UNLIMITED_USD,
            "access_until": (caller.expires_at_ms or 0) // 1000,
        }

    @router.get("/v1/dashboard/billing/usage")
    @router.get("/dashboard/billing/usage", include_in_schema=False)
    async def usage(request: Request, caller: Known) -> dict[str, Any]:
        standing = await account(request).standing(caller)
        return {"object": "list", "total_usage": standing.spent_nano * 100 / NANO}

    return router


def _units(nano: int) -> int:
    return nano * UNITS_PER_USD // NANO
