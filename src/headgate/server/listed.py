"""A model on offer."""

from msgspec import Struct


class Listed(Struct, frozen=True, kw_only=True):
    """A model on offer: whose it is, and its limits in tokens where they are known."""

    name: str
    owner: str
    context: int | None = None
    max_output: int | None = None
