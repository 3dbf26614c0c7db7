"""Nobody spends what is not there, whatever happens at once; and every price is the one that was set."""

import asyncio
from collections import Counter

import pytest

from acceptance.gateway import KEY, Gateway, House, ask, nano
from billing.bank import audit

GRANTED = 100_000_000_000
POOR_NANO = 3_000_000


async def rush(gateways: list[Gateway], calls: int, **members: object) -> Counter[int]:
    """Many calls at once, spread over the gateways; how many ended with which status."""
    clients = [await gateway.client() for gateway in gateways]
    answers = await asyncio.gather(
        *(
            clients[i % len(clients)].post("/v1/chat/completions", json=ask("it", **members))  # type: ignore[arg-type]
            for i in range(calls)
        )
    )
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("workers", [1, 3])
async def test_a_rush_on_a_nearly_empty_wallet_never_overspends_it(house: House, workers: int, stream: bool) -> None:
    """Sixty calls at once on a wallet for some of them: those that are answered are paid, the others refused."""
    channel = house.channel("one", {"it": "sandbox:delay=20"})
    first = await house.open([channel], balance_usd=POOR_NANO / 10**9)
    gateways = [first, *[await house.another() for _ in range(workers - 1)]]
    statuses = await rush(gateways, 60, max_tokens=16, stream=stream)
    receipts = await house.receipts()
    charged = sum(receipt.charge_nano for receipt in receipts)
    assert set(statuses) == {200, 403}
    assert len(receipts) == 60
    assert 0 < charged <= POOR_NANO
    assert await house.balance() == POOR_NANO - charged
    assert all(receipt.overrun_nano == 0 for receipt in receipts)
    served = house.sandbox.house.books.totals
    assert charged == nano(served["input"], served["output"])
    await audit(house.database)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_rush_on_a_keys_spending_limit_never_passes_it(house: House, workers: int) -> None:
    """The wallet is full, the key's own limit is not."""
    keys = [{"name": "dev", "user": "alice", "key": KEY, "limit_usd": POOR_NANO / 10**9}]
    first = await house.open([house.channel("one", {"it": "sandbox:delay=20"})], keys=keys)
    gateways = [first, *[await house.another() for _ in range(workers - 1)]]
    statuses = await rush(gateways, 60, max_tokens=16)
    charged = sum(receipt.charge_nano for receipt in await house.receipts())
    assert set(statuses) == {200, 403}
    assert 0 < charged <= POOR_NANO
    assert await house.balance() == GRANTED - charged
    await audit(house.database)


async def test_the_last_of_the_money_can_be_spent(house: House) -> None:
    """One call after the other until nothing more goes: what remains would not have paid for another."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})], balance_usd=POOR_NANO / 10**9)
    statuses = [(await gateway.chat("it", max_tokens=16)).status_code for _ in range(60)]
    spent = [status == 200 for status in statuses]
    assert spent == sorted(spent, reverse=True)
    left = await house.balance()
    assert 0 <= left < nano(64, 16)
    assert left == POOR_NANO - sum(receipt.charge_nano for receipt in await house.receipts())


async def test_a_small_wallet_lowers_the_limit_that_goes_upstream(house: House) -> None:
    """Asked for more than the wallet pays, the upstream is told to stop where the money ends."""
    balance_nano = 5_000_000
    gateway = await house.open([house.channel("one", {"it": "sandbox"})], balance_usd=balance_nano / 10**9)
    answer = await gateway.chat("it", "Write 2000 words")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "length"
    receipt = await house.receipt(answer)
    assert 300 < receipt.usage.output <= balance_nano // 10_000
    assert (receipt.overrun_nano, receipt.ending) == (0, "completed")
    assert await house.balance() == balance_nano - receipt.charge_nano >= 0


async def test_a_full_wallet_leaves_the_callers_limit_alone(house: House) -> None:
    """What the caller asked for is what the upstream reads."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})])
    answer = await gateway.chat("it", "Write 2000 words", max_tokens=7)
    assert answer.json()["usage"]["completion_tokens"] == 7
    assert (await house.receipt(answer)).usage.output == 7


async def test_a_free_model_costs_nothing_and_needs_no_money(house: House) -> None:
    """Free because the operator said so; it is recorded all the same."""
    channel = house.channel("one", {"it": "sandbox"})
    gateway = await house.open([channel], prices={"it": {"free": True}}, balance_usd=0)
    for stream in (False, True):
        answer = await gateway.chat("it", stream=stream)
        assert answer.status_code == 200
        receipt = await house.receipt(answer)
        assert (receipt.ending, receipt.charge_nano) == ("completed", 0)
        assert receipt.usage.output > 0


async def test_a_model_without_a_price_is_never_served_for_nothing(house: House) -> None:
    """Refused before anything goes upstream, until somebody sets a price; which takes effect without a restart."""
    channel = house.channel("one", {"it": "some-new-model"})
    gateway = await house.open([channel], prices={"it": None})
    refused = await gateway.chat("it")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "model_price_error"
    assert house.sandbox.house.books.written == 0
    await house.reconfigure([channel])
    async with asyncio.timeout(20):
        while (answer := await gateway.chat("it")).status_code == 400:
            await asyncio.sleep(0.05)
    assert (await house.receipt(answer)).charge_nano > 0


async def test_a_groups_multiplier_applies_to_every_charge(house: House) -> None:
    """One and a half times the price; what we pay upstream is not multiplied."""
    channel = house.channel("one", {"it": "sandbox"})
    gateway = await house.open([channel], groups={"default": {"multiplier": 1.5}})
    for stream in (False, True):
        receipt = await house.receipt(await gateway.chat("it", stream=stream))
        assert receipt.charge_nano == nano(receipt.usage.input, receipt.usage.output) * 3 // 2


@pytest.mark.parametrize(
    ("override", "input_nano", "output_nano"), [(None, 150, 600), ({"input": 1, "output": 3}, 1000, 3000)]
)
async def test_the_catalogues_price_holds_until_the_operator_sets_another(
    house: House, override: object, input_nano: int, output_nano: int
) -> None:
    """gpt-4o-mini costs what the catalogue says, or what the operator says; the cost upstream is the catalogue's."""
    channel = house.channel("one", ["gpt-4o-mini"], provider="openai")
    gateway = await house.open([channel], prices={"gpt-4o-mini": override})
    receipt = await house.receipt(await gateway.chat("gpt-4o-mini"))
    usage = receipt.usage
    assert receipt.charge_nano == usage.input * input_nano + usage.output * output_nano
    assert receipt.cost_nano == usage.input * 150 + usage.output * 600


async def test_cached_input_is_charged_its_own_price_once(house: House) -> None:
    """A long prompt sent twice: the second time most of it is read from the cache, and no token is paid twice."""
    channel = house.channel("one", {"it": "sandbox"})
    gateway = await house.open([channel], prices={"it": {"input": 2, "cache_read": 0.5, "output": 10}})
    text = "Tell me more about it. " * 300
    await gateway.chat("it", text, max_tokens=5)
    answer = await gateway.chat("it", text, max_tokens=5)
    reported = answer.json()["usage"]
    cached = reported["prompt_tokens_details"]["cached_tokens"]
    receipt = await house.receipt(answer)
    assert cached > 1000
    assert (receipt.usage.cache_read, receipt.usage.input) == (cached, reported["prompt_tokens"] - cached)
    assert receipt.charge_nano == cached * 500 + receipt.usage.input * 2000 + receipt.usage.output * 10_000


async def test_the_balance_that_a_client_is_shown_is_the_books(house: House) -> None:
    """`/api/usage/token` and the billing routes agree with the wallet, in their own units."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})])
    charged = (await house.receipt(await gateway.chat("it", "Write 300 words"))).charge_nano
    client = await gateway.http()
    token = (await client.get("/api/usage/token")).json()["data"]
    assert token["total_used"] == charged // 2000
    assert token["total_available"] == (GRANTED - charged) // 2000
    usage = (await client.get("/v1/dashboard/billing/usage")).json()
    assert usage["total_usage"] == pytest.approx(charged / 10**7)
    subscription = (await client.get("/v1/dashboard/billing/subscription")).json()
    assert subscription["hard_limit_usd"] == pytest.approx(100)
