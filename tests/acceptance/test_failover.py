"""Which channel answers, and what the caller never notices."""

from collections import Counter

import pytest
from structlog.testing import capture_logs

from acceptance.gateway import House, events, said


async def test_priority_decides_then_weight(house: House) -> None:
    """The lower priority is not asked while the higher one works; equals share by weight, and one of weight 0 rests."""
    gateway = await house.open(
        [
            house.channel("heavy", {"it": "sandbox"}, priority=5, weight=3),
            house.channel("light", {"it": "sandbox"}, priority=5, weight=1),
            house.channel("resting", {"it": "sandbox"}, priority=5, weight=0),
            house.channel("low", {"it": "sandbox"}, priority=1, weight=100),
        ]
    )
    for _ in range(120):
        assert (await gateway.chat("it")).status_code == 200
    taken = Counter(receipt.channel for receipt in await house.receipts())
    assert set(taken) == {"heavy", "light"}
    assert taken["heavy"] > taken["light"] > 5


async def test_a_tried_channel_is_not_tried_again(house: House) -> None:
    """One that fails is asked once a call, however often it would be drawn by weight."""
    gateway = await house.open(
        [
            house.channel("bad", {"it": "sandbox:error=502"}, weight=1_000_000),
            house.channel("good", {"it": "sandbox"}, weight=1),
        ]
    )
    answer = await gateway.chat("it")
    assert answer.status_code == 200
    assert house.sandbox.house.books.totals["refused:502"] == 1


async def test_an_upstream_that_refuses_our_credential_is_passed_over(house: House) -> None:
    """The caller's key is fine: another channel answers, the operator is told, and the bad one is left alone."""
    gateway = await house.open(
        [
            house.channel("wrong", {"it": "sandbox"}, priority=1, keys=["sk-invalid-upstream"]),
            house.channel("good", {"it": "sandbox"}),
        ]
    )
    with capture_logs() as logs:
        answers = [await gateway.chat("it", stream=stream) for stream in (False, True, False)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert house.sandbox.house.books.totals["refused:401"] == 1
    (told,) = [line for line in logs if line["event"] == "credential_refused"]
    assert told["channel"] == "wrong"
    assert "sk-invalid" not in str(logs)


@pytest.mark.parametrize("key", ["sk-invalid-upstream", "sk-exhausted-upstream"])
async def test_a_caller_never_sees_our_credentials_trouble(house: House, key: str) -> None:
    """With no other channel it is our failure (503), not the caller's 401 or quota, and no key is shown."""
    gateway = await house.open([house.channel("wrong", {"it": "sandbox"}, keys=[key])])
    answer = await gateway.chat("it")
    assert answer.status_code == 503
    assert "key" not in answer.json()["error"]["message"].lower()
    assert "quota" not in answer.text
    assert (await house.receipt(answer)).ending == "upstream_failed"


async def test_the_second_credential_of_a_channel_takes_over(house: House) -> None:
    """A channel with one good and one refused key goes on with the good one."""
    gateway = await house.open(
        [house.channel("two", {"it": "sandbox"}, keys=["sk-invalid-upstream", "sk-good-upstream"])]
    )
    statuses = [(await gateway.chat("it")).status_code for _ in range(6)]
    assert statuses.count(200) >= 5
    assert statuses[-3:] == [200, 200, 200]


async def test_a_rate_limit_cools_the_channel_down(house: House) -> None:
    """After 429 with retry-after the channel is not asked again before its time."""
    gateway = await house.open(
        [
            house.channel("limited", {"it": "sandbox:error=429,retry=100"}, priority=1),
            house.channel("good", {"it": "sandbox"}),
        ]
    )
    for _ in range(4):
        answer = await gateway.chat("it")
        assert (await house.receipt(answer)).channel == "good"
    assert house.sandbox.house.books.totals["refused:429"] == 1


async def test_with_all_channels_down_the_caller_is_told_when_to_come_again(house: House) -> None:
    """A model that exists but is not up is 503 with retry-after; one that does not exist is 404 without."""
    gateway = await house.open([house.channel("limited", {"it": "sandbox:error=429,retry=70"})])
    first = await gateway.chat("it")
    assert first.status_code == 429
    assert first.headers["retry-after"] == "70"
    second = await gateway.chat("it")
    assert second.status_code == 503
    assert 60 <= int(second.headers["retry-after"]) <= 70
    assert second.json()["error"]["code"] == "model_not_found"
    assert (await house.receipt(second)).ending == "upstream_failed"
    unknown = await gateway.chat("unheard-of")
    assert unknown.status_code == 404
    assert "retry-after" not in unknown.headers


async def test_a_dead_address_is_passed_over(house: House) -> None:
    """Nobody listens at the first channel's address."""
    dead = house.channel("dead", {"it": "sandbox"}, priority=1) | {"base_url": "http://127.0.0.1:9/v1"}
    gateway = await house.open([dead, house.channel("good", {"it": "sandbox"})])
    receipt = await house.receipt(await gateway.chat("it"))
    assert receipt.channel == "good"
    assert receipt.attempts[0].reason == "connect_failed"


async def test_a_dead_address_alone_is_a_502_that_names_nothing(house: House) -> None:
    """The operator's addresses are not the caller's business."""
    dead = house.channel("secret-name", {"it": "sandbox"}) | {"base_url": "http://127.0.0.1:9/v1"}
    gateway = await house.open([dead])
    answer = await gateway.chat("it")
    assert answer.status_code == 502
    assert "127.0.0.1" not in answer.text
    assert "secret-name" not in answer.text


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_kept_connection_that_died_is_replaced_without_a_word(house: House, stream: bool) -> None:
    """The sandbox closes each connection as it is used again: every call succeeds at its first attempt."""
    gateway = await house.open([house.channel("stale", {"it": "sandbox:stale"})])
    for _ in range(4):
        answer = await gateway.chat("it", stream=stream)
        assert answer.status_code == 200
        receipt = await house.receipt(answer)
        assert all(not attempt.reason for attempt in receipt.attempts)
    assert len(house.sandbox.house.books.entries) == 4


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_compressed_answer_is_understood(house: House, stream: bool) -> None:
    """gzip that nobody asked for is undone: the caller gets plain bytes and the meter reads the usage."""
    gateway = await house.open([house.channel("one", {"it": "sandbox:gzip"})])
    answer = await gateway.chat("it", stream=stream)
    assert "content-encoding" not in answer.headers
    text = said(events(answer.content)) if stream else answer.json()["choices"][0]["message"]["content"]
    assert text == "You said: Hello there"
    receipt = await house.receipt(answer)
    assert (receipt.ending, receipt.estimated) == ("completed", False)
