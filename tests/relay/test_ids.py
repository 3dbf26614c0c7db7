"""Call ids."""

from headgate.relay.ids import CallIds


def test_ids_ascend_with_time_and_never_repeat() -> None:
    """Sorting by id sorts by time; workers do not collide."""
    ids, others = CallIds(), CallIds()
    made = [ids.next(1_700_000_000_000 + step) for step in range(2000)]

    assert made == sorted(made)
    assert len({*made, *(others.next(1_700_000_000_000) for _ in range(2000))}) == 4000
    assert {len(each) for each in made} == {26}
