"""Log probabilities in OpenAI's form and back."""

from fakes.google import answer, read, written
from headgate.canonical.parts import Json
from headgate.protocols.gemini_generate.logprobs import decode_logprobs, encode_logprobs

RESULT: dict[str, Json] = {
    "chosenCandidates": [{"token": "grün", "logProbability": -0.5, "tokenId": 7}],
    "topCandidates": [
        {"candidates": [{"token": "grün", "logProbability": -0.5}, {"token": "rot", "logProbability": -2}]}
    ],
}


def test_both_ways() -> None:
    """Chosen and top tokens; ids are lost."""
    (entry,) = decode_logprobs(RESULT)
    assert isinstance(entry, dict)
    assert (entry["token"], entry["logprob"], entry["bytes"]) == ("grün", -0.5, list("grün".encode()))
    assert [row["token"] for row in entry["top_logprobs"]] == ["grün", "rot"]  # type: ignore[union-attr, index, call-overload]
    assert encode_logprobs([entry]) == {
        "chosenCandidates": [{"token": "grün", "logProbability": -0.5}],
        "topCandidates": RESULT["topCandidates"],
    }


def test_an_answer_carries_them() -> None:
    """Whole answers."""
    response = read(answer({"text": "grün"}, logprobsResult=RESULT))
    assert len(response.candidates[0].logprobs) == 1
    assert "logprobsResult" in written(response)["candidates"][0]


def test_nothing_is_nothing() -> None:
    """No entries, no field."""
    assert decode_logprobs(None) == ()
    assert decode_logprobs({"chosenCandidates": [1]}) == ()
    assert encode_logprobs(()) == {}
