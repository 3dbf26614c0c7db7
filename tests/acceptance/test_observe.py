"""What the operator sees: a line a call, counters, health that tells the truth, and never a secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from acceptance.gateway import KEY, Gateway, House, ask, channel, configuration, housed
from acceptance.process import running
from fakes.postgres import PostgresServer
from headgate.sandbox import running_sandbox
from headgate.store.migrate import upgrade

LINE_FIELDS = {
    "event",
    "id",
    "at",
    "user",
    "key",
    "model",
    "channel",
    "ending",
    "status",
    "tokens_in",
    "tokens_out",
    "charge_nano",
    "attempts",
    "ms",
    "first_byte_ms",
}


async def metrics(gateway: Gateway) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What a scrape says: values by name and labels."""
    text = (await (await gateway.http()).get("/metrics")).text
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def calls_logged(output: str) -> list[dict[str, object]]:
    """The log's lines about calls."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == "call"]


# --- metrics ---


async def test_every_call_is_counted(house: House) -> None:
    """Calls by ending, tokens, charges, attempts and durations; and the state of ledger and connections."""
    models = {"it": "sandbox", "bad": "sandbox:error=500", "silent": "sandbox:nousage"}
    gateway = await house.open([house.channel("one", models)])
    for model in ("it", "it", "bad", "silent"):
        await gateway.chat(model, stream=model == "silent")
    receipts = await house.receipts()
    found = await metrics(gateway)
    calls = {dict(labels)["ending"]: value for labels, value in found["headgate_calls_total"].items()}
    assert set(calls) == {"completed", "upstream_failed"}
    assert sum(found["headgate_calls_total"].values()) == 4
    assert sum(found["headgate_charge_usd_total"].values()) == pytest.approx(
        sum(receipt.charge_nano for receipt in receipts) / 10**9
    )
    assert sum(found["headgate_tokens_out_total"].values()) == sum(receipt.usage.total_out for receipt in receipts)
    assert sum(found["headgate_failed_attempts_total"].values()) == 1
    assert sum(found["headgate_estimated_calls_total"].values()) == 1
    assert sum(found["headgate_call_seconds_count"].values()) == 4
    assert sum(found["headgate_first_byte_seconds_count"].values()) == 3
    assert found["headgate_calls_running"][()] == 0
    assert found["headgate_held_nano"][()] == 0
    assert found["headgate_journal_failing"][()] == 0
    assert found["headgate_receipts_flushed_total"][()] == 4


async def test_callers_cannot_make_new_series(house: House) -> None:
    """Names that no channel serves, and keys, make no labels."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})])
    for number in range(30):
        await gateway.chat(f"made-up-{number}")
    text = (await (await gateway.http()).get("/metrics")).text
    assert "made-up" not in text
    assert KEY not in text
    assert "alice" not in text


# --- health ---


async def test_a_healthy_gateway_says_so(house: House) -> None:
    """All three, without a key, each with a request id."""
    gateway = await house.open([house.channel("one", {"it": "sandbox"})])
    client = await gateway.client(key=None)
    for path in ("/livez", "/readyz", "/health"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.json()["status"] == "ok"
        assert answer.headers["x-request-id"]


@pytest.fixture
async def own_postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that the test may stop and start."""
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()


async def test_with_the_database_away_known_keys_are_served_and_caught_up(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """Not ready, but alive: calls of known keys go on as far as the allotment reaches, an unknown key is 503 and never
    401; when the database is back, so is everything, with every receipt once."""
    await upgrade(own_postgres.url)
    async with housed(tmp_path, own_postgres.url) as house:
        gateway = await house.open([house.channel("one", {"it": "sandbox"})])
        client = await gateway.http()
        before = await gateway.chat("it", max_tokens=5)
        assert before.status_code == 200
        own_postgres.stop()
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "unreachable"
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/health")).json()["status"] == "degraded"
        away = [await gateway.chat("it", max_tokens=5, stream=bool(number % 2)) for number in range(10)]
        assert {answer.status_code for answer in away} == {200}
        beyond = await gateway.chat("it", max_tokens=9_000_000)
        assert beyond.status_code == 503
        stranger = await gateway.chat("it", key="sk-stranger-0123456789abcdef0123456789")
        assert stranger.status_code == 503
        assert stranger.headers["retry-after"]
        shown = await client.get("/api/usage/token")
        assert shown.status_code == 503
        own_postgres.start()
        async with asyncio.timeout(30):
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
        stored = await house.receipts()
        wanted = {answer.headers["x-request-id"] for answer in (before, *away, beyond)}
        assert {receipt.id for receipt in stored} == wanted
        assert await house.balance() == 100_000_000_000 - sum(receipt.charge_nano for receipt in stored)
        assert (await gateway.chat("it", key="sk-stranger-0123456789abcdef0123456789")).status_code == 401


# --- logs and secrets ---


def written(directory: Path) -> bytes:
    """All that the gateway left on the disk."""
    files = [file for file in directory.rglob("*") if file.is_file() and file.name != "headgate.yaml"]
    return b"".join(file.read_bytes() for file in files)


async def test_each_call_leaves_one_line_and_no_sink_a_secret(tmp_path: Path) -> None:
    """Good calls, bad ones and refused ones: one line each with the receipt's facts; and neither keys nor prompts nor
    upstream credentials and addresses appear in the log, the data, the metrics or what callers are told."""
    prompt = "my-very-private-words"
    stranger = "sk-stranger-0123456789abcdef0123456789"
    upstream_key, header = "sk-invalid-upstream-credential", "header-secret-value"
    models = {"it": "sandbox", "halved": "sandbox:interrupt=3", "broken": "sandbox:error=500", "cut": "sandbox:cut=0"}
    bearer = {"authorization": f"Bearer {KEY}"}
    told = ""
    ids = []
    async with running_sandbox() as url:
        channels = [
            channel("one", url, models, headers={"x-extra": header}),
            channel("wrong", url, {"refused": "sandbox"}, keys=[upstream_key]),
        ]
        with running(tmp_path, configuration(channels)) as gateway:
            async with httpx.AsyncClient(base_url=gateway.url, headers=bearer, timeout=20) as client:
                for model in (*models, "refused", "unheard-of"):
                    for stream in (False, True):
                        answer = await client.post("/v1/chat/completions", json=ask(model, prompt, stream=stream))
                        told += str(answer.headers) + ("" if answer.status_code == 200 else answer.text)
                        ids.append(answer.headers["x-request-id"])
                bad = await client.post(
                    "/v1/chat/completions", json=ask("it", prompt), headers={"authorization": f"Bearer {stranger}"}
                )
                told += bad.text
                told += (await client.get("/metrics")).text + (await client.get("/v1/models")).text
            await asyncio.to_thread(gateway.stop)
            output = gateway.output()
    lines = calls_logged(output)
    assert [line["id"] for line in lines] == ids
    assert all(set(line) == LINE_FIELDS for line in lines)
    assert {line["user"] for line in lines} == {"alice"}
    secrets = [KEY, stranger, upstream_key, "sk-up-one", header]
    for secret in (*secrets, url, url.removeprefix("http://")):
        assert secret not in told, secret
    for secret in (*secrets, prompt):
        assert secret not in output, secret
    stored = written(tmp_path)
    for secret in (*secrets, prompt):
        assert secret.encode() not in stored, secret
    assert "Traceback" not in output
