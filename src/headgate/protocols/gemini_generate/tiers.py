"""Service tiers: OpenAI's words, which are canonical, and Google's (google-genai 3.4 `ServiceTier`, 2026-11)."""

_WIRE = {"default": "standard", "flex": "flex", "priority": "priority"}
_CANONICAL = {wire: tier for tier, wire in _WIRE.items()}


def to_wire(tier: str) -> str | None:
    """Google's word, or None where it has none."""
    return _WIRE.get(tier)


def from_wire(tier: str) -> str:
    return _CANONICAL.get(tier, tier)
