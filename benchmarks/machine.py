"""The machine under the benchmark: its two cores, its interpreters, and what a process used of it."""

import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OPEN_FILES = 20_000
TICKS_S = os.sysconf("SC_CLK_TCK")

# Says nothing of gateways; only which of several interpreters was built with optimisations, which no build tells.
LOOP = """
import time
def work():
    table, total = {}, 0
    for number in range(40000):
        table[number & 255] = (number, 2)
        total += len(f"{number}:{table[number & 255][0]}".encode())
    return total
def timed():
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
print(min(timed() for _ in range(9)))
"""


class Unfit(Exception):
    """This machine cannot run the benchmark; the message says why and what to do."""


@dataclass(frozen=True)
class Used:
    """Processor time of a process so far, in seconds: its main thread (the event loop) in user code and in the kernel,
    and all its other threads."""

    loop_user_s: float = 0.0
    loop_kernel_s: float = 0.0
    other_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.loop_user_s + self.loop_kernel_s + self.other_s

    def since(self, before: "Used") -> "Used":
        return Used(
            self.loop_user_s - before.loop_user_s,
            self.loop_kernel_s - before.loop_kernel_s,
            self.other_s - before.other_s,
        )


def two_cores() -> tuple[int, int]:
    """The gateway's core, and the one of load generator and upstream.

    Raises:
        Unfit: there is only one.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Unfit("The benchmark needs two processor cores: one for the gateway, one for load and upstream.")
    return cores[0], cores[1]


def raise_file_limit() -> int:
    """Allow as many open files as the live streams need; returns how many there may be now."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < OPEN_FILES:
        # Only a privileged process may raise the hard limit, and not in every container.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def used(pid: int) -> Used:
    """What a process has used of the processor."""
    loop_user = loop_kernel = other = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        user, kernel = int(fields[11]) / TICKS_S, int(fields[12]) / TICKS_S
        if task.name == str(pid):
            loop_user, loop_kernel = user, kernel
        else:
            other += user + kernel
    return Used(loop_user, loop_kernel, other)


def resident_kb(pid: int) -> int:
    """The memory of a process, in units of 1,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 // 1000
    return 0


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load() -> str:
    """How busy the machine is."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def interpreters() -> list[Path]:
    """The CPythons that Headgate can run on: this one, and those of the same or another version found on the path."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    names = [f"python3.{minor}" for minor in range(11, 16)]
    places = [Path(place) for place in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")]
    found = [base, *(place / name for place in places for name in names)]
    found += [Path(path) for name in names if (path := shutil.which(name)) and "shims" not in path]
    unique = {path.resolve(): path for path in found if path.exists()}
    return list(unique)


def fastest(candidates: list[Path]) -> Path:
    """The interpreter that runs a small loop fastest."""
    times: dict[Path, float] = {}
    for python in candidates:
        done = subprocess.run([python, "-c", LOOP], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            times[python] = float(done.stdout)
    return min(times, key=times.__getitem__)


def told(command: list[str | Path]) -> str:
    """The first line that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]
