"""Agents that are installed here, and how to run one: in a home and a directory of its own, with an environment that
has nothing in it but what the test says."""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

LONGEST_S = 90


class Ended(Struct, frozen=True):
    """What became of a run."""

    code: int
    output: str


def program(name: str) -> Path:
    """The program, from the directory that HEADGATE_AGENTS names or from PATH. Skips the test where there is none."""
    place = os.environ.get("HEADGATE_AGENTS")
    places = [f"{place}/node_modules/.bin", f"{place}/aider/bin"] if place else []
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", os.defpath)]))
    if found is None:
        pytest.skip(f"{name} is not installed; see scripts/install-agents, and set HEADGATE_AGENTS")
    return Path(found)


async def run(
    command: Sequence[str], home: Path, environment: Mapping[str, str], *, said: str = "", cwd: Path | None = None
) -> Ended:
    """Run it to its end, with `said` on its standard input. One that does not end is killed, and fails the test."""
    told = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd or home,
        env=told,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(said.encode()), LONGEST_S)
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
        pytest.fail(f"{command[0]} did not end: {output.decode(errors='replace')[-2000:]}")
    assert process.returncode is not None
    return Ended(process.returncode, output.decode(errors="replace"))
