"""The switches: how they are written, and how often they strike."""

import pytest

from headgate.sandbox.faults import CUT_HEAD, NONE, Dice, Faults, UnknownSwitch, of_model, parse


def test_switches_follow_the_models_name() -> None:
    """With values or bare."""
    assert of_model("sandbox:delay=200,cut=3,gzip") == ("sandbox", Faults(delay=200, cut=3, gzip=True))
    assert of_model("sandbox-mini:cut=head") == ("sandbox-mini", Faults(cut=CUT_HEAD))
    assert of_model("sandbox") == ("sandbox", NONE)


def test_a_colon_in_a_foreign_name_is_left_alone() -> None:
    """Unless switches follow it."""
    assert of_model("llama3:8b") == ("llama3:8b", NONE)
    assert of_model("llama3:8b:delay=5") == ("llama3:8b", Faults(delay=5))


@pytest.mark.parametrize(
    "written", ["sleep=3", "delay=soon", "delay=-1", "error=200", "error=maybe", "fail=2", "fail=nan"]
)
def test_a_mistake_in_a_switch_is_said(written: str) -> None:
    """A test that asks for a fault must not pass for want of it."""
    with pytest.raises(UnknownSwitch):
        of_model(f"sandbox:{written}")


def test_headers_are_written_with_semicolons() -> None:
    """And empty pieces do not matter."""
    assert parse(" delay=1 ; empty;", ";") == Faults(delay=1, empty=True)


def test_a_share_of_calls_fails_and_always_the_same_ones() -> None:
    """By count and seed, not by luck."""
    faults = parse("fail=0.3,delay=7", ",")
    runs = [[dice.cast(faults).error for _ in range(1000)] for dice in (Dice(), Dice())]
    assert runs[0] == runs[1]
    assert 250 < runs[0].count("500") < 350
    other = Dice()
    assert [other.cast(parse("fail=0.3,delay=7,seed=2", ",")).error for _ in range(1000)] != runs[0]


def test_chance_decides_over_the_other_switches() -> None:
    """Delays stay; what does harm comes or does not."""
    dice = Dice()
    faults = parse("fail=0.5,cut=2,delay=7", ",")
    cast = {dice.cast(faults) for _ in range(50)}
    assert cast == {Faults(delay=7), Faults(delay=7, cut=2)}
