"""What an upstream is peculiar about."""

import pytest

from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort

KIMI = Quirks(efforts=("low", "high", "max"))
PLAIN = Quirks(efforts=("low", "medium", "high"))


@pytest.mark.parametrize(
    ("quirks", "wanted", "told"),
    [
        (Quirks(), "max", "max"),
        (Quirks(), "none", "none"),
        (KIMI, "low", "low"),
        (KIMI, "none", "low"),
        (KIMI, "medium", "high"),
        (KIMI, "xhigh", "max"),
        (PLAIN, "minimal", "low"),
        (PLAIN, "max", "high"),
        (Quirks(efforts=("none", "high")), "none", "none"),
        (Quirks(efforts=("none", "high")), "low", "high"),
    ],
)
def test_an_effort_the_model_does_not_know_becomes_the_next_harder_or_the_hardest(
    quirks: Quirks, wanted: Effort, told: Effort
) -> None:
    """And all are taken for known where nothing is said."""
    assert quirks.effort(wanted) == told
