"""Commands that change something, with no gateway running."""

from pathlib import Path

import pytest

from cli.conftest import CONFIG, Run, rows


@pytest.fixture
def data(headgate: Run, tmp_path: Path) -> Path:
    """A data directory with an empty database."""
    assert headgate("db", "upgrade", "--data", tmp_path).stdout.startswith("Ran 0001")
    return tmp_path


def test_a_database_is_upgraded_once(headgate: Run, data: Path) -> None:
    """The second time there is nothing to do."""
    assert headgate("db", "upgrade", "--data", data).stdout == "The database has the newest schema already.\n"


def test_a_user_gets_a_wallet_money_and_a_key(headgate: Run, data: Path) -> None:
    """The whole way to a first call."""
    [alice] = rows(headgate("users", "create", "alice", "--balance-usd", "2.50", "--data", data, "--json"))
    assert alice["balance_nano"] == 2_500_000_000
    [credited] = rows(headgate("users", "credit", "alice", "0.000000001", "--data", data, "--json"))
    assert credited["balance_nano"] == 2_500_000_001
    made = headgate(
        *("keys", "create", "--user", "alice", "--name", "laptop", "--limit-usd", "1", "--model", "gpt-4o"),
        *("--address", "10.0.0.0/8", "--expires", "2030-01-01", "--data", data),
    )
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert key.startswith("sk-")
    [listed] = rows(headgate("keys", "list", "--data", data, "--json"))
    assert listed["limit_nano"] == listed["left_nano"] == 1_000_000_000
    assert (listed["models"], listed["addresses"]) == (["gpt-4o"], ["10.0.0.0/8"])
    assert listed["expires_at"] == 1_893_456_000_000
    assert key not in headgate("keys", "list", "--data", data, "--json").stdout


def test_money_is_taken_out_no_further_than_there_is(headgate: Run, data: Path) -> None:
    """And the operator is told."""
    headgate("users", "create", "alice", "--balance-usd", "3", "--data", data)
    result = headgate("users", "credit", "--data", data, "--", "alice", "-5")
    assert result.stdout == "Took $3.00 out of the wallet of alice, which has $0.00 now.\n"
    assert "that is all there was" in result.stderr


def test_a_key_is_revoked_by_name_or_id(headgate: Run, data: Path) -> None:
    """Where a name is not enough, the choices are named."""
    for user in ("alice", "bob"):
        headgate("users", "create", user, "--data", data)
        headgate("keys", "create", "--user", user, "--name", "laptop", "--data", data)
    doubtful = headgate("keys", "revoke", "laptop", "--data", data)
    assert doubtful.exit_code == 1
    assert "1 (alice), 2 (bob)" in doubtful.stderr
    assert headgate("keys", "revoke", "laptop", "--user", "bob", "--data", data).exit_code == 0
    assert headgate("keys", "revoke", "1", "--data", data).exit_code == 0
    assert [row["enabled"] for row in rows(headgate("keys", "list", "--data", data, "--json"))] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("users", "create", "eve", "--balance-usd", "much"), 2),
        (("users", "create", "eve", "--balance-usd", "-1"), 1),
        (("users", "create", "alice"), 1),
        (("users", "credit", "nobody", "1"), 1),
        (("users", "credit", "alice", "0"), 1),
        (("keys", "create", "--user", "nobody"), 1),
        (("keys", "create", "--user", "alice", "--address", "10.0.0.300"), 2),
        (("keys", "create", "--user", "alice", "--expires", "soon"), 2),
        (("keys", "revoke", "nothing"), 1),
    ],
)
def test_what_cannot_be_done_changes_nothing(headgate: Run, data: Path, arguments: tuple[str, ...], code: int) -> None:
    """1 for what is not possible, 2 for what is not understood."""
    headgate("users", "create", "alice", "--data", data)
    result = headgate(*arguments, "--data", data)
    assert result.exit_code == code
    assert result.stderr
    assert [row["name"] for row in rows(headgate("users", "list", "--data", data, "--json"))] == ["alice"]
    assert rows(headgate("keys", "list", "--data", data, "--json")) == []


def test_a_good_file_is_called_good(headgate: Run, tmp_path: Path) -> None:
    """With what is in it."""
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG)
    said = headgate("config", "check", config).stdout
    assert said == f"{config} is good: 1 channel, 2 prices, 1 user, 1 key.\n"


def test_a_wrong_file_is_named_with_its_line(headgate: Run, tmp_path: Path) -> None:
    """The same sentence that `serve` would say."""
    config = tmp_path / "headgate.yaml"
    config.write_text("users:\n  - {name: a, balanse_usd: 3}\n")
    result = headgate("config", "check", "--config", config)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"headgate: {config}:2: ")


def test_no_file_is_a_sentence_too(headgate: Run, tmp_path: Path) -> None:
    """Where it was looked for, and why it was not read."""
    result = headgate("config", "check", tmp_path / "nothing.yaml")
    assert result.stderr == f"headgate: {tmp_path}/nothing.yaml: cannot be read: no such file or directory\n"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEADGATE_PORT", "99999", "HEADGATE_PORT: "),
        ("HEADGATE_DATABASE_URL", "mysql://host/name", "HEADGATE_DATABASE_URL: no support for 'mysql'"),
        ("HEADGATE_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/x", "no connection to the database: "),
    ],
)
def test_a_wrong_setting_is_a_sentence(
    headgate: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """It names the variable, or what is behind it."""
    monkeypatch.setenv(name, value)
    result = headgate("users", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"headgate: {said}")
