"""Sealed blocks."""

from headgate.sandbox import seals


def test_a_signature_holds_for_its_own_content_alone() -> None:
    """Neither other words nor another kind of block pass."""
    signature = seals.seal("thought", "I think")
    assert seals.holds(signature, "thought", "I think")
    assert not seals.holds(signature, "thought", "I thin")
    assert not seals.holds(signature, "search", "I think")
    assert not seals.holds(None, "thought", "I think")


def test_an_envelope_gives_its_content_back_unless_altered() -> None:
    """One letter changed, and it stays shut."""
    envelope = seals.enclose("reasoning", "Grüße")
    assert seals.opened(envelope, "reasoning") == "Grüße"
    for broken in (envelope[:-4] + "AAAA", "A" + envelope[1:], "not base64!", "", None):
        assert seals.opened(broken, "reasoning") is None
