"""Every way in which a call can end: what the caller gets, what is charged, and what the receipt says."""

import asyncio

import pytest

from acceptance.gateway import Gateway, House, ask, events, nano, said
from headgate.sandbox.books import Entry as Served

GRANTED = 100_000_000_000
LONG = "Write 400 words"


async def until_served(house: House, count: int = 1) -> Served:
    """The sandbox's entry of its newest answer, once it has so many."""
    async with asyncio.timeout(20):
        while house.sandbox.house.books.written < count:
            await asyncio.sleep(0.01)
    return house.sandbox.house.books.entries[-1]


async def one(house: House, switches: str = "", **more: object) -> Gateway:
    """A gateway with one channel that misbehaves."""
    return await house.open([house.channel("one", {"it": f"sandbox:{switches}" if switches else "sandbox"}, **more)])


# --- completed ---


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_completed_call_is_charged_what_the_upstream_measured(house: House, stream: bool) -> None:
    """Receipt, wallet and the sandbox's books agree to the token."""
    gateway = await one(house)
    answer = await gateway.chat("it", stream=stream)
    receipt = await house.receipt(answer)
    served = await until_served(house)
    assert served.whole
    assert (receipt.usage.input, receipt.usage.output) == (served.counts.input, served.counts.output)
    assert (receipt.ending, receipt.status, receipt.stream, receipt.estimated) == ("completed", 200, stream, False)
    assert receipt.charge_nano == nano(served.counts.input, served.counts.output)
    assert await house.balance() == GRANTED - receipt.charge_nano
    assert (receipt.user, receipt.key, receipt.channel, receipt.model) == ("alice", "dev", "one", "it")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_an_answer_without_usage_is_counted_and_marked(house: House, stream: bool) -> None:
    """Where the upstream reports nothing the call is not free: our own count is charged and said to be one."""
    gateway = await one(house, "nousage")
    receipt = await house.receipt(await gateway.chat("it", stream=stream))
    assert receipt.ending == "completed"
    assert receipt.estimated
    assert receipt.usage.input > 0
    assert receipt.usage.output > 0
    assert receipt.charge_nano == nano(receipt.usage.input, receipt.usage.output)


# --- the upstream fails ---


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("fault", ["error=500", "cut=head", "cut=midhead", "cut=0", "reset,cut=head"])
async def test_a_failure_before_the_first_byte_is_made_good_by_another_channel(
    house: House, fault: str, stream: bool
) -> None:
    """The caller sees the second channel's answer only; the receipt names the first attempt."""
    gateway = await house.open(
        [
            house.channel("bad", {"it": f"sandbox:{fault}"}, priority=1),
            house.channel("good", {"it": "sandbox"}),
        ]
    )
    answer = await gateway.chat("it", stream=stream)
    assert answer.status_code == 200
    assert "You said: Hello there" in (said(events(answer.content)) if stream else answer.text)
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.channel) == ("completed", "good")
    failed, answered = receipt.attempts
    assert failed.reason
    assert (answered.reason, answered.status) == ("", 200)
    assert answered.channel_id != failed.channel_id
    served = await until_served(house)
    assert receipt.charge_nano == nano(served.counts.input, served.counts.output)


async def test_an_answer_that_is_no_json_is_made_good_by_another_channel(house: House) -> None:
    """A good status with half an object is a failure like any other."""
    gateway = await house.open(
        [house.channel("bad", {"it": "sandbox:malformed"}, priority=1), house.channel("good", {"it": "sandbox"})]
    )
    assert (await house.receipt(await gateway.chat("it"))).channel == "good"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_when_all_channels_fail_nothing_is_charged(house: House, stream: bool) -> None:
    """Each is tried once, the caller gets an error in its protocol's form, and the hold is given back."""
    channels = [house.channel(name, {"it": "sandbox:error=503"}) for name in ("a", "b", "c")]
    gateway = await house.open(channels)
    answer = await gateway.chat("it", stream=stream)
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "server_error"
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.status, receipt.charge_nano) == ("upstream_failed", 503, 0)
    assert len({attempt.channel_id for attempt in receipt.attempts}) == 3
    assert house.sandbox.house.books.totals["refused:503"] == 3
    assert await house.balance() == GRANTED
    assert gateway.held_nano() == 0


@pytest.mark.parametrize("fault", ["interrupt=6", "cut=6", "cutframe=6", "reset,cut=6", "unfinished"])
async def test_a_failure_in_mid_stream_ends_with_an_error_event_and_charges_what_came(house: House, fault: str) -> None:
    """The last event is an error in OpenAI's form, no other channel is tried, and the charge is for the input and what
    was delivered, never for our own words."""
    gateway = await house.open(
        [house.channel("bad", {"it": f"sandbox:{fault}"}, priority=1), house.channel("good", {"it": "sandbox"})]
    )
    answer = await gateway.chat("it", "Say one two three four five six seven eight", stream=True)
    assert answer.status_code == 200
    *told, error, done = events(answer.content)
    assert done == "[DONE]"
    assert set(error) == {"error"}
    assert set(error["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"] in error["error"]["message"]
    assert said(told).startswith("one two")
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.channel, receipt.estimated) == ("upstream_failed", "bad", True)
    assert [attempt.status for attempt in receipt.attempts] == [200]
    assert receipt.attempts[0].reason in {"broken", "broke_off", "error_in_stream"}
    assert 0 < receipt.usage.output <= len(said(told).split()) + 1
    assert receipt.charge_nano == nano(receipt.usage.input, receipt.usage.output)
    assert await house.balance() == GRANTED - receipt.charge_nano


async def test_a_whole_answer_that_breaks_off_costs_nothing(house: House) -> None:
    """Half a JSON object is no answer: nobody saw it and nobody pays for it."""
    gateway = await one(house, "cut=0")
    answer = await gateway.chat("it")
    assert answer.status_code == 502
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.charge_nano) == ("upstream_failed", 0)


# --- the client leaves ---


async def test_a_client_that_leaves_in_mid_stream_cancels_the_upstream(house: House) -> None:
    """The sandbox loses its reader at once, and the call is charged its input and what had been sent."""
    gateway = await one(house, "pace=20")
    heard = b""
    async with gateway.stream("it", LONG) as answer:
        async for piece in answer.aiter_raw():
            heard += piece
            if heard.count(b"\n\n") >= 5:
                break
    receipt = await house.last_receipt(1)
    assert receipt.id == answer.headers["x-request-id"]
    assert (receipt.ending, receipt.estimated) == ("client_gone", True)
    served = await until_served(house)
    assert not served.whole
    assert 0 < receipt.usage.output < 100
    assert receipt.usage.input > 0
    assert receipt.charge_nano == nano(receipt.usage.input, receipt.usage.output)
    assert await house.balance() == GRANTED - receipt.charge_nano
    assert gateway.held_nano() == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_client_that_leaves_before_the_first_byte_pays_the_input(house: House, stream: bool) -> None:
    """The upstream had begun on it; it is let go, and no output is charged."""
    gateway = await one(house, "hang")
    call = asyncio.create_task(gateway.chat("it", stream=stream))
    async with asyncio.timeout(20):
        while not gateway.held_nano():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    receipt = await house.last_receipt(1)
    assert (receipt.ending, receipt.usage.output, receipt.estimated) == ("client_gone", 0, True)
    assert receipt.charge_nano == nano(receipt.usage.input, 0) > 0
    assert gateway.held_nano() == 0


async def test_a_client_that_leaves_after_the_end_has_had_its_answer(house: House) -> None:
    """An answer that is complete when the client closes is completed, not abandoned."""
    gateway = await one(house)
    async with gateway.stream("it") as answer:
        async for piece in answer.aiter_raw():
            if b"[DONE]" in piece:
                break
    receipt = await house.last_receipt(1)
    assert (receipt.ending, receipt.estimated) == ("completed", False)


# --- time-outs and empty answers ---


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_an_upstream_that_never_answers_is_timed_out_and_costs_nothing(house: House, stream: bool) -> None:
    """504, the ending says why, nothing is charged."""
    gateway = await one(house, "hang", timeouts={"first_byte_s": 0.2})
    answer = await gateway.chat("it", stream=stream)
    assert answer.status_code == 504
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.status, receipt.charge_nano) == ("timed_out", 504, 0)
    assert await house.balance() == GRANTED


async def test_a_first_byte_time_out_moves_on(house: House) -> None:
    """The next channel answers instead."""
    gateway = await house.open(
        [
            house.channel("slow", {"it": "sandbox:hang"}, priority=1, timeouts={"first_byte_s": 0.2}),
            house.channel("good", {"it": "sandbox"}),
        ]
    )
    receipt = await house.receipt(await gateway.chat("it", stream=True))
    assert (receipt.ending, receipt.channel) == ("completed", "good")
    assert receipt.attempts[0].reason == "first_byte_timed_out"


async def test_silence_in_mid_stream_is_timed_out_and_charges_what_came(house: House) -> None:
    """An answer that stops talking ends with an error event rather than never."""
    gateway = await one(house, "stall=5", timeouts={"idle_s": 0.2})
    answer = await gateway.chat("it", "Say one two three four five six seven", stream=True)
    *told, error, done = events(answer.content)
    assert "error" in error
    assert done == "[DONE]"
    receipt = await house.receipt(answer)
    assert receipt.ending == "upstream_failed"
    assert receipt.charge_nano == nano(receipt.usage.input, receipt.usage.output) > 0
    assert receipt.usage.output <= len(said(told).split()) + 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_an_empty_answer_is_retried_and_never_charged(house: House, stream: bool) -> None:
    """Elsewhere an empty answer counts as success; here the next channel is asked, and if there is none it is an
    error."""
    gateway = await house.open(
        [
            house.channel("void", {"it": "sandbox:empty", "nothing": "sandbox:empty"}, priority=1),
            house.channel("good", {"it": "sandbox"}),
        ]
    )
    retried = await gateway.chat("it", stream=stream)
    assert retried.status_code == 200
    assert (await house.receipt(retried)).channel == "good"
    empty = await gateway.chat("nothing", stream=stream)
    assert empty.status_code == 502
    receipt = await house.receipt(empty)
    assert (receipt.ending, receipt.charge_nano) == ("empty", 0)


# --- the money ends, the call is refused ---


async def test_a_stream_whose_money_runs_out_ends_with_an_error_and_is_charged_for_what_came(house: House) -> None:
    """The wallet pays for the first slice and no more: the stream ends in the protocol's own form, and the wallet is
    never below zero."""
    balance_usd = 0.012
    channel = house.channel("one", {"it": "sandbox:pace=1"})
    gateway = await house.open([channel], balance_usd=balance_usd)
    answer = await gateway.chat("it", "Write 2000 words", stream=True)
    *told, error, done = events(answer.content)
    assert error["error"]["code"] == "insufficient_user_quota"
    assert done == "[DONE]"
    receipt = await house.receipt(answer)
    assert receipt.ending == "balance_spent"
    assert 0 < receipt.usage.output < 2000
    assert len(said(told).split()) <= 1400
    assert receipt.charge_nano > 0
    assert await house.balance() == balance_usd * 10**9 - receipt.charge_nano >= 0


REFUSED = [
    ("sk-dev-spent-0123456789abcdef01234567", "it", 403, "pre_consume_token_quota_failed"),
    ("sk-dev-expired-0123456789abcdef012345", "it", 401, None),
    ("sk-dev-disabled-0123456789abcdef01234", "it", 401, None),
    ("sk-dev-elsewhere-0123456789abcdef0123", "it", 403, None),
    ("sk-dev-narrow-0123456789abcdef0123456", "it", 403, None),
    ("sk-dev-plain-0123456789abcdef01234567", "unheard-of", 404, "model_not_found"),
    ("sk-dev-plain-0123456789abcdef01234567", "priceless", 400, "model_price_error"),
]


@pytest.mark.parametrize(("key", "model", "status", "code"), REFUSED)
async def test_what_is_refused_is_recorded_and_costs_nothing(
    house: House, key: str, model: str, status: int, code: str | None
) -> None:
    """Wherever the key is known the refusal has a receipt with the answer's id; nothing goes upstream."""
    terms: dict[str, dict[str, object]] = {
        "spent": {"limit_usd": 0},
        "expired": {"expires_at": "2020-01-01T00:00:00Z"},
        "disabled": {"enabled": False},
        "elsewhere": {"addresses": ["203.0.113.0/24"]},
        "narrow": {"models": ["another"]},
        "plain": {},
    }
    name = key.split("-")[2]
    keys = [{"name": name, "user": "alice", "key": key, **terms[name]}]
    channel = house.channel("one", {"it": "sandbox", "priceless": "unheard-of"})
    gateway = await house.open([channel], keys=keys, prices={"priceless": None})
    answer = await gateway.chat(model, key=key)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["error"]["code"] == code
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.status, receipt.charge_nano) == ("refused", status, 0)
    assert (receipt.user, receipt.key) == ("alice", name)
    assert house.sandbox.house.books.written == 0
    assert await house.balance() == GRANTED


async def test_an_empty_wallet_is_refused(house: House) -> None:
    """No money, no call: 403 with the code that clients know."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})], balance_usd=0)
    for stream in (False, True):
        answer = await gateway.chat("it", stream=stream)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "insufficient_user_quota"
        assert (await house.receipt(answer)).ending == "refused"
    assert house.sandbox.house.books.written == 0


async def test_an_upstreams_refusal_of_the_request_is_the_callers_and_costs_nothing(house: House) -> None:
    """A 400 of the upstream's own is not retried elsewhere: every channel would say the same."""
    gateway = await house.open([house.channel(name, {"it": "sandbox:error=context"}) for name in ("a", "b")])
    client = await gateway.http()
    answer = await client.post("/v1/chat/completions", json=ask("it"))
    assert answer.status_code == 400
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.charge_nano, len(receipt.attempts)) == ("refused", 0, 1)


async def test_a_fault_of_ours_is_told_recorded_and_costs_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that trips over our own mistake is answered 500 in OpenAI's form, leaves a receipt, and harms no other."""

    async def trip(*args: object) -> None:
        raise KeyError("a mistake of ours")

    gateway = await one(house)
    with monkeypatch.context() as broken:
        broken.setattr("headgate.relay.pipeline.answer_whole", trip)
        answer = await gateway.chat("it")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    assert "mistake" not in answer.text
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.status, receipt.charge_nano) == ("upstream_failed", 500, 0)
    assert gateway.held_nano() == 0
    assert (await gateway.chat("it")).status_code == 200
