"""Where a setting comes from, and which source wins."""

from pathlib import Path

import pytest

from headgate.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HEADGATE_{name.upper()}", raising=False)


def test_defaults_are_a_trial_on_one_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SQLite in the data directory, on the loopback address."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.database_address == f"sqlite:///{tmp_path}/data/headgate.db"
    assert (settings.host, settings.port, settings.max_body_bytes) == ("127.0.0.1", 8502, 134_217_728)


def test_flags_beat_the_environment_and_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source counts where no stronger one speaks."""
    monkeypatch.setenv("HEADGATE_PORT", "2")
    monkeypatch.setenv("HEADGATE_DRAIN_TIMEOUT_S", "5")
    file = {"port": 3, "drain_timeout_s": 6, "max_body_bytes": 2048}
    settings = Settings.load({"port": 1}, file)
    assert (settings.port, settings.drain_timeout_s, settings.max_body_bytes) == (1, 5, 2048)
    assert Settings.load(file=file).port == 2


def test_a_given_database_is_used() -> None:
    """As written."""
    assert Settings.load({"database_url": "postgresql://db/headgate"}).database_address == "postgresql://db/headgate"


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "70000"), ("LOG_FORMAT", "xml"), ("DATABASE_POOL", "0"), ("JOURNAL_FSYNC", "maybe")]
)
def test_an_impossible_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """So that it can be found."""
    monkeypatch.setenv(f"HEADGATE_{name}", value)
    with pytest.raises(SettingsError, match=f"HEADGATE_{name}: "):
        Settings.load()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a repr nor anywhere it might be printed."""
    monkeypatch.setenv("HEADGATE_SECRET_KEY", "very secret indeed")
    assert "very secret" not in repr(Settings.load())
