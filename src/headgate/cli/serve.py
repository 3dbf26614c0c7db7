"""`headgate serve`: bring the state in order, then hand over to uvicorn and its workers."""

import gc
import logging
import math
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from pydantic import SecretStr
from uvicorn import Config, Server
from uvicorn.supervisors.multiprocess import Multiprocess

from headgate import __version__
from headgate.access.keys import NewKey
from headgate.billing.amounts import format_usd
from headgate.billing.journal import make_directory
from headgate.channels.repository import load_channels
from headgate.cli.failures import Unable, run, told
from headgate.cli.place import ConfigOption, DataOption, given, load, now_ms, sealer
from headgate.config.apply import Overspent, apply_config
from headgate.config.file import ConfigFile
from headgate.config.trial import MODELS, set_up_trial
from headgate.observe.logs import set_up_logs
from headgate.settings import PREFIX, Settings
from headgate.store.database import Database
from headgate.store.migrate import upgrade

BACKLOG = 2048
KEEP_ALIVE_S = 75
START_S = 60.0
"""How long workers may take to start before the banner is given up."""

app = typer.Typer(add_completion=False)


class Prepared(Struct, frozen=True):
    """What was done before the start: the trial's key where a trial was set up, and what the operator should know."""

    trial: NewKey | None
    overspent: list[Overspent]


@app.command()
def serve(
    config: ConfigOption = None,
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one. Default: 8502.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share the port. Default: 1.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json. Default: console.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error. Default: info.")] = None,
    call_log: Annotated[bool | None, typer.Option("--call-log/--no-call-log", help="A log line a call.")] = None,
) -> None:
    """Start the gateway.

    Migrates the database and makes it equal to the configuration file first. Without a file and with nothing in the
    database it sets up a trial: the sandbox as upstream, a user with a balance, and an API key that is printed once.

    Every option can also be set as HEADGATE_NAME in the environment; a flag counts more than the environment, and the
    environment more than the file.
    """
    flags = given(
        config=config,
        data=data,
        host=host,
        port=port,
        workers=workers,
        log_format=log_format,
        log_level=log_level,
        call_log=call_log,
    )
    with told():
        settings, file = load(flags)
        set_up_logs(settings.log_format, settings.log_level)
        listener = bind(settings.host, settings.port)
    with listener:
        prepared = run(prepare(settings, file))
        export(settings)
        raise_file_limit()
        if prepared.trial is not None:
            typer.echo(_trial_text(prepared.trial, settings))
        for user in prepared.overspent:
            amount = format_usd(user.amount_nano)
            typer.echo(f"headgate: {user.user} has spent {amount} more than the file grants now; written off", err=True)
        banner = _banner(settings, address(listener, settings.host), prepared.trial)
        listen(settings, listener, banner)


async def prepare(settings: Settings, file: ConfigFile | None) -> Prepared:
    """Bring data directory, database and configuration to where workers can start from.

    Raises:
        StoreUnavailable, ConfigError, MasterKeyUnusable, SecretUnreadable, JournalFailed, SchemaTooNew, OSError, Unable
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    make_directory(settings.data / "journal")
    key = sealer(settings)
    try:
        await upgrade(settings.database_address)
    except ValueError as error:
        raise Unable(f"HEADGATE_DATABASE_URL: {error}") from None
    database = await Database.open(settings.database_address, pool_size=1)
    try:
        if file is None:
            prepared = Prepared(await set_up_trial(database, key, now_ms=now_ms()), [])
        else:
            prepared = Prepared(None, await apply_config(file, database, key, now_ms=now_ms()))
        async with database.read() as conn:
            await load_channels(conn, key)
    finally:
        await database.close()
    return prepared


def bind(host: str, port: int) -> socket.socket:
    """The socket that all workers listen on.

    Raises:
        Unable: the address is taken, or is not ours.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # A port can be bound twice; the second to listen on it is the one who is told.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise Unable(f"cannot listen on {host} port {port}: {reason}; choose another with --port") from None
    except OverflowError:
        listener.close()
        raise Unable(f"there is no port {port}") from None
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The URL to reach it by, from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def export(settings: Settings) -> None:
    """Put the settings where worker processes find them: into the environment."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is None:
            os.environ.pop(f"{PREFIX}{name.upper()}", None)
        else:
            os.environ[f"{PREFIX}{name.upper()}"] = _as_text(value)


def _as_text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value.absolute())
        case bool():
            return str(value).lower()
        case list() | tuple() | set() | frozenset():
            return "[" + ",".join(f'"{item}"' for item in value) + "]"
        case _:
            return str(value)


def raise_file_limit() -> None:
    """Every client and every upstream connection is an open file: allow as many as we may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(settings: Settings, listener: socket.socket, banner: str) -> None:
    """Serve until told to stop."""
    config = Config(
        "headgate.app:create_app",
        factory=True,
        http="headgate.server.lane:LaneProtocol",
        loop="uvloop",
        ws="none",
        lifespan="on",
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # Calls never pass through ASGI, where uvicorn would read these headers: no page should trust them either.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_timeout_s),
    )
    if settings.workers == 1:
        # uvicorn raises the signal that stopped it once more when all is done: to be told to stop is no failure.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        gc.disable()  # until all is imported
        with suppress(KeyboardInterrupt):
            Gateway(config, banner).run(sockets=[listener])
    else:
        # That a worker died and another took its place is worth a line.
        logging.getLogger("uvicorn.error").setLevel(logging.INFO)
        Workers(config, [listener], banner).run()


class Gateway(Server):
    """uvicorn's server, which says when it is ready."""

    def __init__(self, config: Config, banner: str) -> None:
        super().__init__(config)
        self._banner = banner

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()
        gc.enable()
        typer.echo(self._banner)


class Workers(Multiprocess):
    """uvicorn's workers, and the parent that says when all of them are ready."""

    def __init__(self, config: Config, sockets: list[socket.socket], banner: str) -> None:
        super().__init__(config, sockets=sockets)
        self._banner = banner

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(START_S, self.should_exit) for process in self.processes):
            typer.echo(self._banner)

    def terminate_all(self) -> None:
        # As long as the parent has the socket too, connections are taken that no worker will ever serve.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _trial_text(key: NewKey, settings: Settings) -> str:
    return f"""\
There is no configuration file and nothing in {settings.data}, so this is a trial:
  upstream   the sandbox, a simulated model under the names {", ".join(MODELS)}
  user       trial, with a balance of $10
  API key    {key.text}
             This key is shown this once and stored only as a hash. `headgate keys create` makes others.
"""


def _banner(settings: Settings, url: str, trial: NewKey | None) -> str:
    database = "SQLite" if settings.database_address.startswith("sqlite") else "PostgreSQL"
    state = f"{database}, data in {settings.data}"
    file = f"configuration {settings.config}" if settings.config else "no configuration file"
    workers = f"{settings.workers} worker{'s' if settings.workers > 1 else ''}"
    lines = [f"Headgate {__version__} is ready on {url}  ({workers}; {state}; {file})"]
    data = f" --data {settings.data}" if settings.data != Path("data") else ""
    if trial is not None:
        lines += [
            "Try it:",
            f"  curl {url}/v1/chat/completions -H 'content-type: application/json' \\",
            f"       -H 'authorization: Bearer {trial.text}' \\",
            """       -d '{"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}]}'""",
            f"  headgate receipts list{data}",
        ]
    else:
        lines.append(f"See calls as they end: headgate receipts follow{data}   Check the set-up: headgate doctor{data}")
    return "\n".join(lines)
