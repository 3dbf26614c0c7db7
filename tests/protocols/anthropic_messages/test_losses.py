"""The table of what this protocol cannot say."""

from headgate.protocols.anthropic_messages.losses import FATES, Losses


def test_names_are_collected_once_in_order() -> None:
    """As they go into the header and the receipt."""
    losses = Losses()
    for name in ("seed", "n", "seed"):
        losses.drop(name)
    assert losses.names == ("seed", "n")


def test_every_row_has_a_fate() -> None:
    """Carried, dropped or refused."""
    assert set(FATES.values()) == {"carried", "dropped", "refused"}
