"""What has to be installed first: wrk and HAProxy by the system, Headgate and LiteLLM in environments of their own."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from machine import Unfit

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
PACKAGES = {"wrk": "wrk", "haproxy": "haproxy"}
INSTALL_S = 1200


class NotInstalled(Exception):
    """A Python package could not be installed; the message says why."""


def need(*, install: bool) -> None:
    """Make sure that wrk and HAProxy are there.

    Raises:
        Unfit: one is missing; the message says how to get it.
    """
    os.environ["PATH"] += os.pathsep + "/usr/sbin" + os.pathsep + "/usr/local/sbin"
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    command = f"apt-get install {' '.join(missing)}"
    if not (install and os.geteuid() == 0 and shutil.which("apt-get")):
        how = "or run this again as root with --install" if shutil.which("apt-get") else "or your system's equivalent"
        raise Unfit(f"The benchmark needs {' and '.join(missing)}: {command} ({how}).")
    subprocess.run(["apt-get", "update", "-q"], check=False)
    if subprocess.run(["apt-get", "install", "-y", "-q", *missing], check=False).returncode:
        raise Unfit(f"`{command}` failed; see above.")


def headgate_python(python: Path, say: Callable[[str], None]) -> Path:
    """An interpreter with Headgate installed: the one that runs this if it is the wanted one, else an environment made
    for the purpose.

    Raises:
        NotInstalled: with pip's reason.
    """
    if python.resolve() == Path(sys.executable).resolve():
        return Path(sys.executable)
    recipe = f"{python} {(PROJECT / 'pyproject.toml').read_text()}"
    return _environment(HERE / ".headgate", python, ["--editable", str(PROJECT)], recipe, say)


def litellm_python(python: Path, say: Callable[[str], None]) -> Path:
    """An interpreter with LiteLLM's proxy installed.

    Raises:
        NotInstalled: with pip's reason.
    """
    return _environment(HERE / ".litellm", python, ["litellm[proxy]"], f"{python} litellm[proxy]", say)


def version_of(python: Path, package: str) -> str:
    """The version of an installed package."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def _environment(place: Path, python: Path, wanted: list[str], recipe: str, say: Callable[[str], None]) -> Path:
    """An environment, made anew only when what it is made from has changed. It needs no pip of its own, which Debian
    does not give it."""
    stamp = place / "made-from"
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    inside = place / "bin" / "python"
    if stamp.exists() and stamp.read_text() == digest and inside.exists():
        return inside
    say(f"installing {' '.join(wanted)} into {place.relative_to(PROJECT)} for {python} (once; a minute or two)")
    shutil.rmtree(place, ignore_errors=True)
    _run([str(python), "-m", "venv", "--without-pip", str(place)])
    _run([sys.executable, "-m", "pip", "--python", str(inside), "install", "--quiet", *wanted])
    stamp.write_text(digest)
    return inside


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from None
    if done.returncode:
        reasons = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalled(reasons[-1] if reasons else f"{command[0]} failed")
