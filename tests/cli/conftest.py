"""The command line in this process, and a gateway in one of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headgate.cli import app
from headgate.settings import PREFIX

KEY = "sk-dev-0123456789abcdef0123456789abcdef"

CONFIG = f"""\
channels:
  - name: sand
    provider: sandbox
    models: [sandbox]
    model_map: {{broken: "sandbox:error=500"}}
prices:
  sandbox: {{input: 2.5, output: 10}}
  broken: {{input: 2.5, output: 10}}
users:
  - {{name: alice, balance_usd: 100}}
keys:
  - {{name: dev, user: alice, key: {KEY}}}
"""

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine do not count in tests."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and name != "HEADGATE_WIRE":
            monkeypatch.delenv(name)


@pytest.fixture
def headgate() -> Run:
    """Run a command: `headgate("users", "list")`."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


class Gateway:
    """`headgate serve` as a process."""

    def __init__(self, *arguments: object) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        # A file, not a pipe: nobody reads along, and a gateway whose log is stuck is stuck itself.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "headgate", "serve", "--port", "0", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )
        self.said: list[str] = []
        self.url = ""

    def ready(self) -> "Gateway":
        """Wait for the line that says so."""
        assert self.process.stdout is not None
        giving_up = threading.Timer(60, self.process.kill)
        giving_up.start()
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if " is ready on " in line:
                self.url = line.partition(" is ready on ")[2].split()[0]
                break
        giving_up.cancel()
        assert self.url, "not ready"
        return self

    def ask(self, model: str = "sandbox", key: str = KEY, text: str = "Hello") -> tuple[int, str]:
        """A chat call; its status and the answer's request id."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", body, headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.headers["x-request-id"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["x-request-id"]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop it, or with 0 wait until it stops; its exit code and what it said on stderr."""
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=30)
        self.said += out.splitlines()
        with self._errors as errors:
            errors.seek(0)
            return self.process.returncode, errors.read()


Serve = Callable[..., Gateway]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start gateways that end with the test: `serve("--data", tmp_path)`."""
    started: list[Gateway] = []

    def start(*arguments: object) -> Gateway:
        started.append(Gateway(*arguments))
        return started[-1]

    yield start
    for gateway in started:
        with contextlib.suppress(ValueError):  # its pipes are closed already
            gateway.stop()


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a gateway that has served: a good call, a refused one, a failed one."""
    directory = tmp_path_factory.mktemp("lived")
    config = directory / "headgate.yaml"
    config.write_text(CONFIG)
    gateway = Gateway("--config", config, "--data", directory / "data")
    try:
        gateway.ready()
        statuses = [gateway.ask(model)[0] for model in ("sandbox", "nothing", "broken")]
    finally:
        code, errors = gateway.stop()
    assert (statuses, code) == ([200, 404, 500], 0), errors
    return directory / "data"


def rows(result: Result) -> list[dict[str, Any]]:
    """The objects that a command printed with `--json`."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]
