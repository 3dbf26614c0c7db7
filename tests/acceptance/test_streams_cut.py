"""However the upstream's bytes happen to be cut into packets, the client gets the same and pays the same."""

import re

import pytest

from acceptance.gateway import Gateway, House, events, nano, said

TEXT = "Say one «zwei» 三 four"
SWITCHES = ["split=1", "split=7", "split=64", "split=1000", "gzip", "split=5,gzip"]
_CHANGES = re.compile(rb'"(id|created|obfuscation)":("[^"]*"|\d+)')


async def told(house: House, gateway: Gateway, model: str, *, stream: bool) -> tuple[bytes, tuple[object, ...]]:
    """The bytes of an answer without what differs from call to call, and what its receipt says."""
    answer = await gateway.chat(model, TEXT, stream=stream)
    assert answer.status_code == 200
    receipt = await house.receipt(answer)
    facts = (receipt.ending, receipt.usage, receipt.charge_nano, receipt.estimated, receipt.status)
    return _CHANGES.sub(rb'"\1":0', answer.content), facts


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_an_answer_cut_anywhere_is_the_same_answer(house: House, stream: bool) -> None:
    """Cut at every byte, at some, or compressed and then cut: the same bytes, the same receipt."""
    models = {switches: f"sandbox:{switches}" for switches in SWITCHES}
    gateway = await house.open([house.channel("one", {"uncut": "sandbox", **models})])
    uncut, receipt = await told(house, gateway, "uncut", stream=stream)
    for switches in SWITCHES:
        assert await told(house, gateway, switches, stream=stream) == (uncut, receipt), switches
    text = said(events(uncut)) if stream else uncut.decode()
    assert "one «zwei» 三 four" in text


@pytest.mark.parametrize("fault", ["interrupt=5", "cutframe=5", "nousage", "unfinished"])
async def test_a_bad_stream_cut_anywhere_is_the_same_bad_stream(house: House, fault: str) -> None:
    """Errors, breaks and missing usage are noticed wherever the packets end."""
    models = {"uncut": f"sandbox:{fault}", "cut": f"sandbox:{fault},split=3"}
    gateway = await house.open([house.channel("one", models)])
    uncut, receipt = await told(house, gateway, "uncut", stream=True)
    cut, receipt_of_cut = await told(house, gateway, "cut", stream=True)
    assert re.sub(rb"request id: \w+", b"", cut) == re.sub(rb"request id: \w+", b"", uncut)
    assert receipt_of_cut == receipt


async def test_a_caller_that_wants_usage_gets_it_however_it_is_cut(house: House) -> None:
    """The usage chunk is passed on whole, and is what was charged."""
    gateway = await house.open([house.channel("one", {"it": "sandbox:split=5"})])
    answer = await gateway.chat("it", TEXT, stream=True, stream_options={"include_usage": True})
    (usage,) = [event["usage"] for event in events(answer.content)[:-1] if event["usage"]]
    receipt = await house.receipt(answer)
    assert receipt.charge_nano == nano(usage["prompt_tokens"], usage["completion_tokens"])
