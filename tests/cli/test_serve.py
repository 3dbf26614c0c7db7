"""`headgate serve`, as a process."""

import os
import re
import signal
from pathlib import Path

import pytest

from cli.conftest import CONFIG, Run, Serve, rows


def test_without_anything_a_trial_is_set_up_and_its_key_printed_once(
    serve: Serve, headgate: Run, tmp_path: Path
) -> None:
    """The key works; a second start neither makes nor prints one."""
    gateway = serve("--data", tmp_path).ready()
    key = re.search(r"API key +(sk-\w+)", "\n".join(gateway.said))
    assert key is not None
    assert gateway.ask(key=key[1])[0] == 200
    gateway.stop()
    again = serve("--data", tmp_path).ready()
    assert not any("sk-" in line for line in again.said)
    assert again.ask(key=key[1])[0] == 200
    assert [row["name"] for row in rows(headgate("keys", "list", "--data", tmp_path, "--json"))] == ["trial"]


def test_a_file_given_later_takes_the_trials_place(serve: Serve, headgate: Run, tmp_path: Path) -> None:
    """The trial is switched off and stands in nobody's way."""
    serve("--data", tmp_path).ready().stop()
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG)
    gateway = serve("--data", tmp_path, "--config", config).ready()
    assert gateway.ask()[0] == 200
    enabled = {row["name"]: row["enabled"] for row in rows(headgate("users", "list", "--data", tmp_path, "--json"))}
    assert enabled == {"alice": True, "trial": False}


def test_listings_agree_with_a_running_gateway(serve: Serve, headgate: Run, tmp_path: Path) -> None:
    """Several workers, and changes made from outside count within a moment."""
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG)
    data = ("--data", tmp_path / "data")
    gateway = serve("--config", config, *data, "--workers", "2").ready()
    ids = {gateway.ask()[1] for _ in range(6)}
    receipts: list[dict[str, object]] = []
    while len(receipts) < 6:
        receipts = rows(headgate("receipts", "list", *data, "--json"))
    assert {receipt["id"] for receipt in receipts} == ids
    charged = sum(int(str(receipt["charge_nano"])) for receipt in receipts)
    [alice] = rows(headgate("users", "list", *data, "--json"))
    assert alice["balance_nano"] == 100_000_000_000 - charged

    assert headgate("keys", "revoke", "dev", *data).exit_code == 0
    # Each worker hears of it by itself.
    while {gateway.ask()[0] for _ in range(12)} != {401}:
        pass
    assert gateway.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_stops_in_order(serve: Serve, headgate: Run, tmp_path: Path, number: int) -> None:
    """Exit code 0, and every receipt is in the database."""
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG)
    gateway = serve("--config", config, "--data", tmp_path / "data").ready()
    _, call_id = gateway.ask()
    code, errors = gateway.stop(number)
    assert (code, "Traceback" in errors) == (0, False)
    assert rows(headgate("receipts", "show", call_id, "--data", tmp_path / "data", "--json"))[0]["id"] == call_id


def test_the_files_settings_count(serve: Serve, tmp_path: Path) -> None:
    """And a relative data directory begins where the file is."""
    config = tmp_path / "headgate.yaml"
    config.write_text(CONFIG + "server: {data: state}\nlimits: {max_body_bytes: 2048}\n")
    gateway = serve("--config", config).ready()
    assert (tmp_path / "state" / "headgate.db").exists()
    assert gateway.ask(text="x" * 4096)[0] == 413


class TestWhatCannotBe:
    """One sentence on stderr, exit code 1, no traceback."""

    def test_a_port_that_is_taken(self, serve: Serve, tmp_path: Path) -> None:
        """Nothing is made in the data directory then."""
        first = serve("--data", tmp_path / "a").ready()
        port = first.url.rpartition(":")[2]
        gateway = serve("--data", tmp_path / "b", "--port", port)
        code, errors = gateway.stop(0)
        assert (code, errors) == (
            1,
            f"headgate: cannot listen on 127.0.0.1 port {port}: address already in use; choose another with --port\n",
        )
        assert not (tmp_path / "b").exists()

    def test_a_wrong_file(self, serve: Serve, tmp_path: Path) -> None:
        """The line is named."""
        config = tmp_path / "headgate.yaml"
        config.write_text("channels:\n  - {name: a, provider: openia, models: [x]}\n")
        code, errors = serve("--config", config, "--data", tmp_path).stop(0)
        assert code == 1
        assert errors.startswith(f"headgate: {config}:2: ")
        assert "did you mean 'openai'?" in errors

    def test_an_unreadable_database(self, serve: Serve, tmp_path: Path) -> None:
        """SQLite's own words, without its traceback."""
        (tmp_path / "headgate.db").mkdir()
        code, errors = serve("--data", tmp_path).stop(0)
        assert (code, errors) == (1, "headgate: no connection to the database: unable to open database file\n")

    def test_a_master_key_that_others_can_read(self, serve: Serve, tmp_path: Path) -> None:
        """With the command that mends it."""
        (tmp_path / "secret.key").write_text("0123456789abcdef0123456789abcdef")
        (tmp_path / "secret.key").chmod(0o644)
        code, errors = serve("--data", tmp_path).stop(0)
        assert code == 1
        assert errors.endswith(f"run: chmod 600 {tmp_path}/secret.key\n")

    def test_another_master_key(self, serve: Serve, tmp_path: Path) -> None:
        """Stored credentials cannot be read with it."""
        serve("--data", tmp_path).ready().stop()
        (tmp_path / "secret.key").write_text("fedcba9876543210fedcba9876543210")
        code, errors = serve("--data", tmp_path).stop(0)
        assert code == 1
        assert "cannot be read with this master key" in errors

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_data_directory_that_cannot_be_written(self, serve: Serve, tmp_path: Path) -> None:
        """Named, with the reason."""
        (tmp_path / "data").mkdir(mode=0o500)
        code, errors = serve("--data", tmp_path / "data").stop(0)
        assert code == 1
        assert str(tmp_path / "data") in errors
