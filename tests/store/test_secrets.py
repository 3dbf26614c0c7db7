"""What is sealed opens only with the same key, for the same purpose and owner."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate.store.secrets import MasterKeyUnusable, Sealer, SecretUnreadable, master_key

MASTER = b"a master key for tests"


def test_a_secret_comes_back() -> None:
    """And never looks the same twice."""
    sealer = Sealer(MASTER, "credentials")
    sealed = sealer.seal("sk-upstream-ü", "channel 1")
    assert sealer.unseal(sealed, "channel 1") == "sk-upstream-ü"
    assert b"sk-upstream" not in sealed
    assert sealer.seal("sk-upstream-ü", "channel 1") != sealed


@pytest.mark.parametrize(
    ("master", "purpose", "owner"),
    [
        (b"another master key", "credentials", "channel 1"),
        (MASTER, "sessions", "channel 1"),
        (MASTER, "credentials", "channel 2"),
    ],
)
def test_a_secret_is_bound(master: bytes, purpose: str, owner: str) -> None:
    """To the master key, the purpose and the owner."""
    sealed = Sealer(MASTER, "credentials").seal("sk-upstream", "channel 1")
    with pytest.raises(SecretUnreadable, match=owner):
        Sealer(master, purpose).unseal(sealed, owner)


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 64])
def test_damage_is_noticed(damage: bytes) -> None:
    """What was never sealed does not open."""
    with pytest.raises(SecretUnreadable):
        Sealer(MASTER, "credentials").unseal(damage, "channel 1")


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    """Later starts read the same key."""
    made = master_key(None, tmp_path)
    assert master_key(None, tmp_path) == made
    assert len(made) >= 32
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_starters_at_once_agree(tmp_path: Path) -> None:
    """Whoever comes first makes the key for all."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: master_key(None, tmp_path), range(8)))) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_setting_wins_over_the_file(tmp_path: Path) -> None:
    """No file is made then."""
    assert master_key("from the environment", tmp_path) == b"from the environment"
    assert list(tmp_path.iterdir()) == []


def test_a_bad_key_is_refused(tmp_path: Path) -> None:
    """Too short, empty, or open to others; the message says where."""
    with pytest.raises(MasterKeyUnusable, match="HEADGATE_SECRET_KEY"):
        master_key("short", tmp_path)
    path = tmp_path / "secret.key"
    path.write_bytes(b"\n")
    path.chmod(0o600)
    with pytest.raises(MasterKeyUnusable, match="holds no key"):
        master_key(None, tmp_path)
    path.write_bytes(b"x" * 32)
    path.chmod(0o644)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        master_key(None, tmp_path)
