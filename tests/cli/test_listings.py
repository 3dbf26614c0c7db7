"""Every listing of a gateway that does not run: stable fields for programs, tables for people."""

from pathlib import Path

import pytest

from cli.conftest import Run, rows

RECEIPT = {
    "id",
    "user",
    "key",
    "model",
    "channel",
    "upstream_model",
    "operation",
    "ending",
    "status",
    "stream",
    "usage",
    "charge_nano",
    "cost_nano",
    "overrun_nano",
    "estimated",
    "attempts",
    "dropped",
    "started_at",
    "duration_ms",
    "first_byte_ms",
}


def test_a_receipt_has_its_fields_and_says_what_happened(headgate: Run, lived: Path) -> None:
    """The good call, the refused and the failed one, newest first."""
    failed, refused, good = rows(headgate("receipts", "list", "--data", lived, "--json"))
    assert set(failed) == set(refused) == set(good) == RECEIPT
    assert (good["user"], good["key"], good["model"], good["channel"]) == ("alice", "dev", "sandbox", "sand")
    assert (good["ending"], good["status"], good["usage"]) == ("completed", 200, {"input": 5, "output": 4})
    assert good["charge_nano"] == 5 * 2_500 + 4 * 10_000
    assert [(each["channel"], each["reason"]) for each in good["attempts"]] == [("sand", "")]
    assert (refused["ending"], refused["status"], refused["attempts"]) == ("refused", 404, [])
    assert (failed["ending"], failed["charge_nano"]) == ("upstream_failed", 0)
    assert [(each["status"], each["reason"]) for each in failed["attempts"]] == [(500, "status_500")]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (("--user", "alice"), 3),
        (("--key", "dev", "--user", "alice"), 3),
        (("--model", "sandbox"), 1),
        (("--ending", "refused"), 1),
        (("--ending", "client_gone"), 0),
        (("--limit", 2), 2),
        (("--limit", 0), 3),
    ],
)
def test_receipts_can_be_filtered(headgate: Run, lived: Path, wanted: tuple[object, ...], count: int) -> None:
    """By user, key, model and ending, and how many."""
    assert len(rows(headgate("receipts", "list", "--data", lived, "--json", *wanted))) == count


def test_one_receipt_is_shown_in_full(headgate: Run, lived: Path) -> None:
    """By the id that the answer carried."""
    failed = rows(headgate("receipts", "list", "--data", lived, "--json"))[0]
    assert rows(headgate("receipts", "show", failed["id"], "--data", lived, "--json")) == [failed]
    said = headgate("receipts", "show", failed["id"], "--data", lived).stdout
    assert "attempt 1  sand: status_500" in said


def test_users_keys_and_channels_have_their_fields(headgate: Run, lived: Path) -> None:
    """And no secret is among them."""
    [alice] = rows(headgate("users", "list", "--data", lived, "--json"))
    assert (alice["name"], alice["balance_nano"], alice["group"]) == ("alice", 100_000_000_000 - 52_500, "default")
    keys = headgate("keys", "list", "--data", lived, "--json")
    [key] = rows(keys)
    assert (key["name"], key["user"], key["enabled"]) == ("dev", "alice", True)
    assert "0123456789abcdef" not in keys.stdout
    [channel] = rows(headgate("channels", "list", "--data", lived, "--json"))
    assert (channel["name"], channel["provider"]) == ("sand", "sandbox")
    assert channel["models"] == {"sandbox": "sandbox", "broken": "sandbox:error=500"}


@pytest.mark.parametrize("noun", ["receipts", "users", "keys", "channels"])
def test_the_same_is_found_by_the_configuration_file(headgate: Run, lived: Path, noun: str) -> None:
    """The file's settings lead to the data; secrets that it names need not be set for that."""
    config = lived.parent / "found.yaml"
    config.write_text("server: {data: data}\nkeys: [{name: a, user: b, key: env:NOT_SET_ANYWHERE}]\n")
    assert rows(headgate(noun, "list", "--config", config, "--json")) == rows(
        headgate(noun, "list", "--data", lived, "--json")
    )


@pytest.mark.parametrize("noun", ["receipts", "users", "keys", "channels"])
def test_people_get_tables(headgate: Run, lived: Path, noun: str) -> None:
    """With a head, and a row for each."""
    said = headgate(noun, "list", "--data", lived).stdout.splitlines()
    assert len(said) == (5 if noun == "receipts" else 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("receipts", "show", "nothing"), "there is no receipt nothing"),
        (("receipts", "list", "--user", "bob"), "there is no user 'bob'"),
        (("receipts", "list", "--key", "bob"), "there is no key 'bob'"),
        (("receipts", "list", "--ending", "badly"), "no call ends as 'badly'; endings are completed, "),
        (("channels", "test", "nothing"), "there is no channel 'nothing'"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    headgate: Run, lived: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """On stderr, with exit code 1."""
    result = headgate(*arguments, "--data", lived)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"headgate: {sentence}")


def test_no_database_is_made_by_looking(headgate: Run, tmp_path: Path) -> None:
    """A mistyped directory stays empty."""
    result = headgate("users", "list", "--data", tmp_path)
    assert result.exit_code == 1
    assert "is --data right?" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_providers_are_listed(headgate: Run) -> None:
    """With what a channel needs to know."""
    found = {row["name"]: row for row in rows(headgate("providers", "--json"))}
    assert found["openai"]["base_url"] == "https://api.openai.com/v1"
    assert found["openai-compatible"]["base_url"] is None
    assert "anthropic" in headgate("providers").stdout
