"""Which answer belongs to which call, with and without ids."""

from headgate.protocols.gemini_generate.calls import Calls, ids_in


def test_ids_run_through_the_whole_conversation() -> None:
    """They never start again in the next content, and each answer finds its own call (peers.md 1, Gemini to Chat)."""
    calls = Calls()
    first = [calls.made("f", None), calls.made("g", None), calls.made("f", None)]
    assert len(set(first)) == 3
    assert [calls.answered("f", None), calls.answered("f", None), calls.answered("g", None)] == [
        first[0],
        first[2],
        first[1],
    ]
    assert calls.made("f", None) not in first


def test_ids_given_are_kept() -> None:
    """The wire's own ids decide, in any order."""
    calls = Calls(taken=ids_in([{"parts": [{"functionCall": {"id": "call_0", "name": "f"}}]}]))
    given = calls.made("f", "call_0")
    made = calls.made("f", None)
    assert (given, made) == ("call_0", "call_1")
    assert calls.answered("f", "call_0") == "call_0"
    assert calls.answered("f", "invented-by-the-client") == made


def test_an_answer_without_a_call_keeps_its_own_id() -> None:
    """Mixed-up results are not attributed to someone else's call."""
    calls = Calls()
    calls.made("f", "a")
    assert calls.answered("f", "b") == "b"
    assert calls.answered("f", None) == "a"


def test_an_answers_ids_are_unique_beyond_it() -> None:
    """Made from the response's id, in letters every protocol takes."""
    assert Calls(prefix="ab:c/1").made("f", None) == "call_abc1_0"
