"""`make bench`: Headgate beside HAProxy and LiteLLM, in one run on two cores.

    make bench                            all of it, about fifteen minutes the first time
    make bench ARGS=--quick               two minutes
    make bench ARGS="--only calls,memory --million"

HAProxy is a plain reverse proxy; Headgate runs with everything on (authentication, prices, holds, the journal,
receipts in SQLite, metrics, a log line a call); LiteLLM is its proxy with one worker and no database, in an environment
that this makes. The gateway under test has a core to itself, load generator (wrk) and upstream have the other.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console

import gateways
import machine
import programs
import report
import scenarios
from machine import Unfit
from scenarios import Bench, Effort, Findings
from upstream import EVENTS_A_WRITE

HERE = Path(__file__).resolve().parent
FULL = Effort(rounds=5, seconds=4, streams=5_000, calls=200_000, starts=5)
QUICK = Effort(rounds=3, seconds=1, streams=5_000, calls=50_000, starts=2)
MILLION = 1_000_000

Scenario = Callable[[Bench, Findings], None]
SCENARIOS: dict[str, Scenario] = {
    "ceiling": scenarios.ceiling,
    "calls": lambda bench, found: scenarios.calls(bench, found, 32, 0.5),
    "crowded": lambda bench, found: scenarios.calls(bench, found, 256, None),
    "streams": scenarios.streams,
    "translated": scenarios.translated,
    "latency": scenarios.latency,
    "live": scenarios.live_streams,
    "memory": scenarios.memory,
    "starting": scenarios.starting,
}


def main() -> int:
    """Run the benchmark; returns the exit code."""
    options = arguments().parse_args()
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _stop)
    try:
        found, setting = measure(options, lambda words: console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/] {words}"))
    except (Unfit, programs.NotInstalled, gateways.NotReady) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    report.show(found, Console(width=None if sys.stdout.isatty() else 160))
    if options.output is not None:
        options.output.write_text(report.page(setting, found))
        console.print(f"written to {options.output}")
    return 0


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Measure Headgate beside HAProxy and LiteLLM.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="two minutes: fewer, shorter rounds")
    parser.add_argument("--million", action="store_true", help="watch memory over a million calls")
    parser.add_argument("--rounds", type=int, help="rounds a scenario, instead of the usual number")
    parser.add_argument("--only", type=_names, metavar="NAMES", help=f"some of: {', '.join(SCENARIOS)}")
    parser.add_argument("--python", type=Path, help="the interpreter for Headgate and LiteLLM, instead of the fastest")
    parser.add_argument("--no-litellm", action="store_true", help="leave LiteLLM out")
    parser.add_argument("--install", action="store_true", help="as root on Debian: install wrk and HAProxy if missing")
    parser.add_argument("--output", type=Path, default=HERE / "results.md", help="the page to write")
    parser.add_argument("--dry", dest="output", action="store_const", const=None, help="write no page")
    return parser


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> tuple[Findings, report.Setting]:
    """Set up, run the scenarios, and stop what was started.

    Raises:
        Unfit, NotInstalled, NotReady: with what to do about it.
    """
    programs.need(install=options.install)
    gateway_core, load_core = machine.two_cores()
    effort = replace(QUICK if options.quick else FULL)
    if options.million:
        effort = replace(effort, calls=MILLION)
    if options.rounds:
        effort = replace(effort, rounds=options.rounds)
    files = machine.raise_file_limit()
    found = Findings()
    if effort.streams * 2 + 500 > files:
        effort = replace(effort, streams=(files - 500) // 2)
        found.remarks.append(f"Only {files:,} files may be open here (ulimit -n), so fewer live streams are held.")
    base = options.python or machine.fastest(machine.interpreters())
    python = programs.headgate_python(base, say)
    before = machine.load()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-bench-")))
        os.sched_setaffinity(0, {load_core})
        to = stack.enter_context(gateways.upstreams(directory, load_core))
        running = [
            stack.enter_context(gateways.haproxy(directory, gateway_core, to)),
            stack.enter_context(gateways.headgate(directory, gateway_core, to, python)),
        ]
        versions = [("Headgate", programs.version_of(python, "headgate"))]
        if not options.no_litellm:
            try:
                other = programs.litellm_python(base, say)
                say("starting LiteLLM")
                running.append(stack.enter_context(gateways.litellm(directory, gateway_core, to, other)))
                versions.append(("LiteLLM", programs.version_of(other, "litellm")))
            except (programs.NotInstalled, gateways.NotReady) as error:
                say(f"LiteLLM is left out: {error}")
                found.remarks.append(f"LiteLLM was left out: {error}")
        bench = Bench(tuple(running), to, effort, gateway_core, load_core, directory, python, say)
        for name, scenario in SCENARIOS.items():
            if options.only is not None and name not in options.only:
                continue
            try:
                scenario(bench, found)
            except (gateways.NotReady, OSError, subprocess.SubprocessError) as error:
                # What the other scenarios found is worth having all the same.
                say(f"{name} failed: {error}")
                found.remarks.append(f'The scenario "{name}" failed: {error}')
    setting = _setting(base, versions, effort, f"{before} before, {machine.load()} after")
    return found, setting


def _setting(base: Path, versions: list[tuple[str, str]], effort: Effort, load: str) -> report.Setting:
    interpreter = f"{machine.told([base, '-VV'])}, {base}"
    if base.is_relative_to(Path.home()):
        interpreter = f"{machine.told([base, '-VV'])}, ~/{base.relative_to(Path.home())}"
    return report.Setting(
        (
            ("date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
            ("machine", f"{machine.processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"),
            ("load average", load),
            ("interpreter", interpreter),
            ("versions", ", ".join(f"{name} {version}" for name, version in versions)),
            ("HAProxy", machine.told(["haproxy", "-v"])),
            ("load generator", machine.told(["wrk", "-v"]).partition(" Copyright")[0]),
            ("rounds", f"{effort.rounds} of {effort.seconds:g} s"),
            (
                "upstream",
                f"HAProxy's http-request return; for streams one on uvloop: 100 events, {EVENTS_A_WRITE} a write",
            ),
        )
    )


def _names(text: str) -> frozenset[str]:
    names = frozenset(text.split(","))
    unknown = names - SCENARIOS.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return names


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
