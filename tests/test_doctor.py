"""What the doctor finds, and how it says it is to be mended."""

import asyncio
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from headgate import doctor
from headgate.channels.channel import Channel
from headgate.channels.repository import PURPOSE, ChannelSettings, NewChannel, put_channel
from headgate.doctor import Finding, SetUp, examine
from headgate.sandbox.server import running_sandbox
from headgate.settings import Settings
from headgate.store.database import Database
from headgate.store.migrate import upgrade
from headgate.store.secrets import Sealer, master_key

NOW_MS = 1_795_000_000_000


def kinds(findings: Iterable[Finding], kind: str) -> list[str]:
    """What was found of a kind."""
    return [finding.what for finding in findings if finding.kind == kind]


def set_up(*channels: Channel, groups: Iterable[str] = ("default",), **prices: dict[str, object]) -> SetUp:
    return SetUp(channels=channels, prices=prices, multipliers_ppm={}, key_groups=frozenset(groups))


def channel(name: str = "a", **fields: object) -> Channel:
    return Channel(**{"id": 1, "name": name, "provider": "sandbox", "models": ("sandbox",), **fields})  # type: ignore[arg-type]


async def test_a_new_place_is_in_order(tmp_path: Path) -> None:
    """Nothing there yet is no fault."""
    findings = await examine(Settings(data=tmp_path / "data"))
    assert not kinds(findings, "bad")
    assert any("`headgate serve` makes it" in what for what in kinds(findings, "ok"))
    assert not (tmp_path / "data").exists()


async def test_a_file_with_everything_is_in_order(tmp_path: Path) -> None:
    """Channel, price, user and key are found in the file alone."""
    config = tmp_path / "headgate.yaml"
    async with running_sandbox() as url:
        config.write_text(
            f"channels: [{{name: a, provider: openai-compatible, base_url: '{url}/v1', models: [m], keys: [env:UP]}}]\n"
            "prices: {m: {free: true}}\nusers: [{name: u}]\nkeys: [{name: k, user: u, key: sk-0123456789abcdef}]\n"
        )
        findings = await examine(Settings(data=tmp_path, config=config), {"UP": "sk-up"})
    assert not kinds(findings, "bad")
    assert not kinds(findings, "warn")


class TestFile:
    """The configuration file."""

    def test_every_missing_variable_is_named_and_hides_nothing_else(self, tmp_path: Path) -> None:
        """Comments do not count."""
        config = tmp_path / "headgate.yaml"
        config.write_text(
            "channels:\n  - name: a\n    provider: openai\n    keys: [env:ONE, env:TWO]  # env:THREE\n    models: [m]\n"
            "# env:FOUR\nnonsense: 1\n"
        )
        file, findings = doctor.check_config(config, {"TWO": "sk-two"})
        assert file is None
        assert kinds(findings, "bad")[0] == f"{config}:4: ONE is not set in the environment"
        assert f"{config}:7: " in kinds(findings, "bad")[1]
        assert len(findings) == 2

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """Mended by the right path."""
        _, [finding] = doctor.check_config(tmp_path / "no.yaml", {})
        assert (finding.kind, finding.mend) == ("bad", "give the right path with --config")


class TestMachine:
    """Where the gateway would live."""

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_directory_that_cannot_be_written(self, tmp_path: Path) -> None:
        """Mended by chown or chmod."""
        tmp_path.chmod(0o500)
        assert kinds(doctor.check_data(tmp_path), "bad")

    def test_a_file_in_the_directorys_place(self, tmp_path: Path) -> None:
        """A directory is needed."""
        (tmp_path / "data").touch()
        [finding] = doctor.check_data(tmp_path / "data")
        assert (finding.kind, finding.what) == ("bad", f"{tmp_path / 'data'} is not a directory")

    def test_the_file_system_is_that_of_the_longest_mount(self) -> None:
        """As /proc/mounts tells it, blanks included."""
        mounts = "/dev/a / ext4 rw 0 0\nhost:/x /srv nfs4 rw 0 0\n//h/s /srv/my\\040share cifs rw 0 0\n"
        assert doctor.file_system(Path("/home/x"), mounts) == "ext4"
        assert doctor.file_system(Path("/srv/data"), mounts) == "nfs4"
        assert doctor.file_system(Path("/srv/my share/data"), mounts) == "cifs"

    def test_a_network_file_system_is_doubtful(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """SQLite's locks do not work there."""
        monkeypatch.setattr(doctor, "_mounts", lambda: f"h:/x {tmp_path.resolve()} nfs rw 0 0\n")
        assert "network file system (nfs)" in kinds(doctor.check_data(tmp_path), "warn")[0]

    def test_few_files_are_doubtful_and_many_are_not(self) -> None:
        """A connection is a file."""
        assert doctor.check_file_limit(1024).kind == "warn"
        assert doctor.check_file_limit(65_536).kind == doctor.check_file_limit(-1).kind == "ok"

    def test_a_clock_at_its_beginning_is_wrong(self) -> None:
        """As on a machine without a battery."""
        assert doctor.check_clock(0).kind == "bad"
        assert doctor.check_clock(NOW_MS).kind == "ok"

    def test_what_stopped_workers_left_is_found_and_what_living_ones_have_is_not(self, tmp_path: Path) -> None:
        """A living worker holds the lock on its journal."""
        (tmp_path / "dead.1.journal").write_bytes(b"x")
        (tmp_path / "empty.1.journal").touch()
        (tmp_path / "odd.1.damaged").write_bytes(b"x")
        (tmp_path / "alive.1.journal").write_bytes(b"x")
        with (tmp_path / "alive.1.journal").open("rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            found = kinds(doctor.check_journal(tmp_path), "warn")
        assert found == [
            f"1 damaged journals were set aside in {tmp_path}",
            f"receipts of 1 stopped workers wait in {tmp_path}",
        ]


class TestDatabase:
    """The database, and the key to what is sealed in it."""

    @pytest.fixture
    async def settings(self, tmp_path: Path) -> Settings:
        """A data directory with one stored credential."""
        settings = Settings(data=tmp_path)
        await upgrade(settings.database_address)
        database = await Database.open(settings.database_address)
        sealer = Sealer(master_key(None, tmp_path), PURPOSE)
        new = NewChannel(name="a", provider="sandbox", secrets=("sk-1",), settings=ChannelSettings(models=("sandbox",)))
        async with database.write() as conn:
            await put_channel(conn, sealer, new, now_ms=NOW_MS)
        await database.close()
        return settings

    async def test_it_is_read_where_there_is_no_file(self, settings: Settings) -> None:
        """Its channel has no price, and nobody has a key."""
        findings = await examine(settings)
        assert kinds(findings, "bad") == ["model sandbox has no price: every call for it is refused"]
        assert kinds(findings, "warn") == ["there is no usable API key"]

    async def test_a_master_key_that_others_can_read(self, settings: Settings) -> None:
        """Mended by chmod."""
        (settings.data / "secret.key").chmod(0o644)
        findings = await examine(settings)
        assert (
            Finding(
                "bad",
                f"the master key {settings.data}/secret.key can be read by others",
                f"run: chmod 600 {settings.data}/secret.key",
            )
            in findings
        )

    async def test_a_master_key_that_is_gone(self, settings: Settings) -> None:
        """It is not made anew by looking."""
        (settings.data / "secret.key").unlink()
        assert any("is gone" in what for what in kinds(await examine(settings), "bad"))
        assert not (settings.data / "secret.key").exists()

    async def test_another_master_key(self, settings: Settings) -> None:
        """What is stored cannot be read with it."""
        (settings.data / "secret.key").write_text("0123456789abcdef0123456789abcdef")
        assert any("cannot be read with this master key" in what for what in kinds(await examine(settings), "bad"))

    async def test_a_server_that_is_away(self, tmp_path: Path) -> None:
        """The password is not shown."""
        settings = Settings(data=tmp_path, database_url="postgresql://u:pass@127.0.0.1:1/x")
        findings = await examine(settings)
        assert any(what.startswith("no connection to the database") for what in kinds(findings, "bad"))
        assert "pass@" not in str(findings)

    async def test_an_empty_database_waits_for_migrations(self, tmp_path: Path) -> None:
        """Mended by one command."""
        (tmp_path / "headgate.db").touch()
        findings = await examine(Settings(data=tmp_path))
        assert any("migrations wait" in what for what in kinds(findings, "warn"))


class TestCalls:
    """What a call would find."""

    def test_every_offered_model_needs_a_price(self) -> None:
        """The operator's, or a published one."""
        real = channel(provider="openai", models=("gpt-4o",), model_map={"mine": "gpt-4o", "odd": "nobody-knows-it"})
        findings = doctor.check_prices(set_up(real, channel("b"), sandbox={"free": True}), lambda: NOW_MS)
        assert kinds(findings, "bad") == ["model odd has no price: every call for it is refused"]

    def test_nothing_offered_is_doubtful(self) -> None:
        """A channel that is switched off offers nothing."""
        assert kinds(doctor.check_prices(set_up(channel(enabled=False)), lambda: NOW_MS), "warn")

    def test_channels_and_keys_should_find_each_other(self) -> None:
        """Each from its own side."""
        assert kinds(doctor.check_access(set_up(channel(groups=("vip",)), groups=["default"])), "warn") == [
            "no API key is in a group of channel a (vip)",
            "API keys of group default find no channel",
        ]
        assert not kinds(doctor.check_access(set_up(channel())), "warn")

    async def test_an_upstream_takes_a_connection_or_not(self) -> None:
        """No call is made; a proxy counts instead of what is behind it."""
        async with running_sandbox() as url:
            assert (await doctor.check_upstream(channel(base_url=f"{url}/v1"))).kind == "ok"
            behind = channel(base_url="https://upstream.invalid/v1", proxy=url.replace("http", "socks5"))
            assert (await doctor.check_upstream(behind)).kind == "ok"
        gone = await doctor.check_upstream(channel(base_url=f"{url}/v1"))
        assert gone.kind == "bad"
        assert "cannot be reached" in gone.what

    async def test_a_channel_without_an_address_or_a_provider(self) -> None:
        """Each is told apart; the sandbox inside needs no address."""
        assert (await doctor.check_upstream(channel())).kind == "ok"
        assert "no address" in (await doctor.check_upstream(channel(provider="openai-compatible"))).what
        assert "unknown provider" in (await doctor.check_upstream(channel(provider="nobody"))).what


async def test_an_upstream_that_does_not_answer_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while."""

    async def never(host: str, port: int) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(asyncio, "open_connection", never)
    monkeypatch.setattr(doctor, "CONNECT_S", 0.01)
    assert "took no connection within" in (await doctor.check_upstream(channel(base_url="http://127.0.0.1:9"))).what
