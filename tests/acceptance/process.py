"""The gateway as operators run it: the command, in processes of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 40.0


class Process:
    """A running `headgate serve`."""

    def __init__(self, popen: subprocess.Popen[bytes], url: str, said: Path) -> None:
        self.popen = popen
        self.url = url
        self._said = said
        self._told = False

    def output(self) -> str:
        """All it has printed and logged until now."""
        return self._said.read_text("utf-8")

    def workers(self) -> list[int]:
        """The ids of its worker processes."""
        parent = self.popen.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
        return [int(child) for child in children if "spawn_main" in _command(child)]

    def tell_to_stop(self) -> None:
        """Ask it once to stop."""
        if not self._told:
            self._told = True
            self.popen.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to stop, wait until it has, and give its exit code."""
        self.tell_to_stop()
        return self.popen.wait(PATIENCE_S)


@contextmanager
def running(
    directory: Path, configuration: str, *, workers: int = 1, settings: Mapping[str, object] | None = None
) -> Iterator[Process]:
    """Start the gateway on a free port with its data in `directory`; ends it, too."""
    file = directory / "headgate.yaml"
    file.write_text(configuration, "utf-8")
    said = directory / f"output-{time.monotonic_ns()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    environment |= {f"HEADGATE_{name.upper()}": str(value) for name, value in (settings or {}).items()}
    command = [sys.executable, "-m", "headgate", "serve", "--config", str(file), "--data", str(directory)]
    command += ["--port", "0", "--workers", str(workers), "--log-format", "json"]
    with said.open("wb") as sink:
        popen = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment)  # noqa: S603
    try:
        yield Process(popen, _address(popen, said), said)
    finally:
        if popen.poll() is None:
            popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                popen.wait(PATIENCE_S)
        if popen.poll() is None:
            popen.kill()
            popen.wait()


def _address(popen: subprocess.Popen[bytes], said: Path) -> str:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and popen.poll() is None:
        found = re.search(r"is ready on (http://\S+)", said.read_text("utf-8"))
        if found:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the gateway did not start:\n{said.read_text('utf-8')}")


def _command(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    return ""
