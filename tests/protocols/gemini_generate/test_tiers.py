"""Service tiers in both vocabularies."""

from headgate.protocols.gemini_generate.tiers import from_wire, to_wire


def test_tiers() -> None:
    """Standard is the default; a tier of someone else's has no word here."""
    assert [to_wire(tier) for tier in ("default", "flex", "priority", "scale")] == [
        "standard",
        "flex",
        "priority",
        None,
    ]
    assert [from_wire(tier) for tier in ("standard", "flex", "new")] == ["default", "flex", "new"]
