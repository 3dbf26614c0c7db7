"""The scenarios: what is asked of which gateway, in rounds that take turns, and the figures that come of it.

The machine is never quiet, so no gateway is measured at another time than the others: in each round every one of them
has its turn. A figure is the median of its rounds, and a ratio the median of the rounds' own ratios.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import crowd
import load
from gateways import (
    CHAT,
    CLAUDE,
    MESSAGES,
    PLAIN,
    SLOW,
    STREAM,
    Gateway,
    Upstreams,
    haproxy,
    headgate,
    headgate_command,
    process,
    unflushed,
    wait_for,
)
from load import Ask, Round
from machine import Used, free_port, resident_kb
from upstream import EVENTS

WARM_UP_S = 1.0
DRAINED_S = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How long everything takes: rounds of so many seconds, live streams, calls for the test of memory, starts."""

    rounds: int
    seconds: float
    streams: int
    calls: int
    starts: int


@dataclass(frozen=True)
class Bench:
    """What a scenario works with. `gateways` has HAProxy first, then Headgate, then LiteLLM if it is there."""

    gateways: tuple[Gateway, ...]
    upstreams: Upstreams
    effort: Effort
    gateway_core: int
    load_core: int
    directory: Path
    headgate_python: Path
    say: Say

    @property
    def haproxy(self) -> Gateway:
        return self.gateways[0]

    @property
    def headgate(self) -> Gateway:
        return self.gateways[1]


@dataclass(frozen=True)
class Figure:
    """One line of the results: a value a gateway, and how Headgate's is to be judged.

    `ratio` is Headgate's to HAProxy's (or to what `beside` says); `judged` is the number that the aim is about.
    """

    name: str
    unit: str
    values: dict[str, float]
    ratio: float | None = None
    beside: str = "HAProxy"
    aim: str = ""
    judged: float | None = None
    reached: bool | None = None
    digits: int = 0


@dataclass(frozen=True)
class Cost:
    """Processor time of a call or event, in microseconds: of the event loop's thread in user code and in the kernel,
    and of other threads; and the share of its core that the gateway had."""

    name: str
    gateway: str
    unit: str
    loop_user_us: float
    loop_kernel_us: float
    other_us: float
    busy: float


@dataclass
class Findings:
    """All that was found."""

    figures: list[Figure] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """One contestant of a scenario: a gateway under the name by which it is shown, and what it is asked."""

    name: str
    gateway: Gateway
    ask: Ask


def take_turns(bench: Bench, turns: Iterable[Turn], connections: int) -> dict[str, list[Round]]:
    """Rounds of load in which every contestant has its turn, after one that does not count."""
    turns = list(turns)
    found: dict[str, list[Round]] = {turn.name: [] for turn in turns}
    for number in range(bench.effort.rounds + 1):
        for turn in turns:
            gateway, stream = turn.gateway, turn.ask.events > 0
            made = load.run(
                turn.ask,
                gateway.stream_port if stream else gateway.port,
                pid=gateway.pid,
                core=bench.load_core,
                connections=connections,
                seconds=bench.effort.seconds if number else WARM_UP_S,
                directory=bench.directory,
            )
            drain(bench.headgate)
            if number:
                found[turn.name].append(made)
    return found


def drain(headgate: Gateway) -> float:
    """Wait until all receipts are in SQLite, so that nobody else's turn pays for it; returns for how long."""
    began = time.monotonic()
    while unflushed(headgate) and time.monotonic() - began < DRAINED_S:
        time.sleep(0.02)
    return time.monotonic() - began


def calls(bench: Bench, found: Findings, connections: int, aim: float | None) -> None:
    """Small chat calls a second."""
    name = f"small chat calls, {connections} connections"
    bench.say(name)
    turns = [Turn(gateway.name, gateway, load.chat(CHAT, PLAIN)) for gateway in bench.gateways]
    rounds = take_turns(bench, turns, connections)
    _rates(found, name, "calls/s", "call", rounds, 1, aim)


def streams(bench: Bench, found: Findings) -> None:
    """Streamed events a second."""
    name = f"streams of {EVENTS} events, 32 connections"
    bench.say(name)
    turns = [Turn(gateway.name, gateway, load.chat(CHAT, STREAM, events=EVENTS)) for gateway in bench.gateways]
    rounds = take_turns(bench, turns, 32)
    _rates(found, name, "events/s", "event", rounds, EVENTS, 0.5)


def translated(bench: Bench, found: Findings) -> None:
    """Streams between protocols beside streams within one."""
    bench.say("translated streams, 32 connections")
    gateway = bench.headgate
    turns = [
        Turn("OpenAI", gateway, load.chat(CHAT, STREAM, events=EVENTS)),
        Turn("Anthropic", gateway, load.message(MESSAGES, CLAUDE, events=EVENTS)),
        Turn("OpenAI client, Anthropic upstream", gateway, load.chat(CHAT, CLAUDE, events=EVENTS)),
        Turn("Anthropic client, OpenAI upstream", gateway, load.message(MESSAGES, STREAM, events=EVENTS)),
    ]
    rounds = take_turns(bench, turns, 32)
    _failures(found, "translated streams", rounds)
    for turn in turns:
        found.costs.append(_cost(f"streams: {turn.name}", gateway.name, "event", rounds[turn.name], EVENTS))
    beside = {"OpenAI client, Anthropic upstream": "Anthropic", "Anthropic client, OpenAI upstream": "OpenAI"}
    for name in ("OpenAI", "Anthropic"):
        found.figures.append(
            Figure(f"streams within {name}'s protocol", "events/s", {gateway.name: _rate(rounds[name], EVENTS)})
        )
    for name, same in beside.items():
        # What an event costs, not how many there are a second: the cost does not depend on who else is busy.
        times = _median(
            [a.used.total_s / a.calls / (b.used.total_s / b.calls) for a, b in _pairs(rounds[name], rounds[same])]
        )
        found.figures.append(
            Figure(
                f"{name}",
                "events/s",
                {gateway.name: _rate(rounds[name], EVENTS)},
                ratio=_median([a.rate / b.rate for a, b in _pairs(rounds[name], rounds[same])]),
                beside=f"within {same}'s",
                aim="an event costs at most 3 × a passed-through one",
                judged=times,
                reached=times <= 3,
            )
        )


def latency(bench: Bench, found: Findings) -> None:
    """What is added at the median on one connection."""
    name = "one connection, median latency"
    bench.say(name)
    turns = [Turn(gateway.name, gateway, load.chat(CHAT, PLAIN)) for gateway in bench.gateways]
    rounds = take_turns(bench, turns, 1)
    _failures(found, name, rounds)
    added = _median([a.median_us - b.median_us for a, b in _pairs(rounds["Headgate"], rounds["HAProxy"])])
    found.figures.append(
        Figure(
            name,
            "µs",
            {who: _median([made.median_us for made in those]) for who, those in rounds.items()},
            aim="at most 100 µs more than HAProxy",
            judged=added,
            reached=added <= 100,
        )
    )
    found.costs += [_cost(name, who, "call", those, 1) for who, those in rounds.items()]


def live_streams(bench: Bench, found: Findings) -> None:
    """Memory of a live stream."""
    wanted = bench.effort.streams
    bench.say(f"{wanted:,} live slow streams")
    values: dict[str, float] = {}
    place = bench.directory / "live"
    place.mkdir()
    # Fresh processes: one that has served before has memory to spare, and streams would seem to cost nothing.
    fresh = (
        haproxy(place, bench.gateway_core, bench.upstreams),
        headgate(place, bench.gateway_core, bench.upstreams, bench.headgate_python),
    )
    for starting_up in fresh:
        with starting_up as gateway:
            ask = load.chat(f"/slow{CHAT}" if gateway.name == "HAProxy" else CHAT, SLOW, events=EVENTS)
            crowd.hold_open(ask, gateway.stream_port, 20, lambda: 0)
            live, before, during = crowd.hold_open(ask, gateway.stream_port, wanted, partial(resident_kb, gateway.pid))
        if live < wanted:
            found.remarks.append(f"{gateway.name} kept {live:,} of {wanted:,} streams open.")
        values[gateway.name] = (during - before) / max(1, live)
    own = values["Headgate"]
    found.figures.append(
        Figure(
            f"a live stream among {wanted:,}",
            "kB",
            values,
            ratio=own / values["HAProxy"] if values["HAProxy"] else None,
            aim="at most 60 kB",
            judged=own,
            reached=own <= 60,
            digits=1,
        )
    )


def memory(bench: Bench, found: Findings) -> None:
    """Whether memory grows with calls."""
    bench.say(f"memory over {bench.effort.calls:,} calls")
    place = bench.directory / "memory"
    place.mkdir()
    with headgate(place, bench.gateway_core, bench.upstreams, bench.headgate_python) as fresh:
        _watch_memory(bench, found, fresh)


def _watch_memory(bench: Bench, found: Findings, gateway: Gateway) -> None:
    wanted = bench.effort.calls
    made, at_first, peak = 0, 0, 0
    while made < wanted:
        done = load.run(
            load.chat(CHAT, PLAIN),
            gateway.port,
            pid=gateway.pid,
            core=bench.load_core,
            connections=32,
            seconds=2,
            directory=bench.directory,
        )
        made += done.calls
        drain(gateway)
        now = resident_kb(gateway.pid)
        if not at_first and made >= wanted / 10:
            at_first = now
        peak = max(peak, now)
    last = resident_kb(gateway.pid)
    grown = (last - at_first) / 1000
    # Allocators keep a little; a leak of one hundred bytes a call would show as this much and more.
    most = max(2.0, made * 0.9 * 10 / 1e6)
    found.figures.append(
        Figure(
            f"memory after {made:,} calls",
            "MB",
            {gateway.name: last / 1000},
            aim="flat",
            judged=grown,
            reached=grown <= most,
            digits=1,
        )
    )
    found.remarks.append(
        f"Memory: {at_first / 1000:.1f} MB after a tenth of the calls, {last / 1000:.1f} MB after all of them, "
        f"{peak / 1000:.1f} MB at the most."
    )


def starting(bench: Bench, found: Findings) -> None:
    """From the command to ready, and memory then."""
    bench.say("start to ready")
    again: list[float] = []
    rest: list[float] = []
    first: list[float] = []
    for number in range(bench.effort.starts):
        place = bench.directory / f"start-{number}"
        place.mkdir()
        for times in (first, again):
            port = free_port()
            command = headgate_command(place, bench.headgate_python, port, bench.upstreams)
            began = time.monotonic()
            with process(command, bench.gateway_core, place / "headgate.log") as running:
                wait_for(f"http://127.0.0.1:{port}/readyz", running, place / "headgate.log", every_s=0.005)
                times.append(time.monotonic() - began)
                rest.append(resident_kb(running.pid) / 1000)
    ready = _median(again)
    found.figures.append(
        Figure(
            "ready after the start",
            "s",
            {"Headgate": ready},
            aim="under 1 s",
            judged=ready,
            reached=ready < 1,
            digits=2,
        )
    )
    found.figures.append(Figure("ready after the very first start", "s", {"Headgate": _median(first)}, digits=2))
    found.figures.append(Figure("memory at rest", "MB", {"Headgate": _median(rest)}, digits=1))


def ceiling(bench: Bench, found: Findings) -> None:
    """What load generator and upstream can do on their core with nothing between them."""
    bench.say("the upstreams alone")
    for ask, port, each, unit in (
        (load.chat(CHAT, PLAIN), bench.upstreams.plain, 1, "calls/s"),
        (load.chat(CHAT, STREAM, events=EVENTS), bench.upstreams.stream, EVENTS, "events/s"),
    ):
        made = load.run(
            ask,
            port,
            pid=bench.haproxy.pid,
            core=bench.load_core,
            connections=32,
            seconds=bench.effort.seconds,
            directory=bench.directory,
        )
        found.remarks.append(f"Load generator and upstream alone, on their one core: {made.rate * each:,.0f} {unit}.")


# --- rounds into figures ---


def _rates(
    found: Findings, name: str, unit: str, each: str, rounds: dict[str, list[Round]], times: int, aim: float | None
) -> None:
    _failures(found, name, rounds)
    ratio = _median([a.rate / b.rate for a, b in _pairs(rounds["Headgate"], rounds["HAProxy"])])
    found.figures.append(
        Figure(
            name,
            unit,
            {who: _rate(those, times) for who, those in rounds.items()},
            ratio=ratio,
            aim="at least half of HAProxy's" if aim else "",
            judged=ratio if aim else None,
            reached=ratio >= aim if aim else None,
        )
    )
    found.costs += [
        _cost(name, who, each, those, times) for who, those in rounds.items() if any(made.calls for made in those)
    ]


def _failures(found: Findings, name: str, rounds: dict[str, list[Round]]) -> None:
    for who, those in rounds.items():
        failed, made = sum(each.failed for each in those), sum(each.calls for each in those)
        if failed:
            found.remarks.append(f'{who}: {failed:,} of {made:,} calls failed in "{name}".')


def _rate(rounds: list[Round], times: int) -> float:
    return _median([each.rate * times for each in rounds])


def _cost(name: str, gateway: str, unit: str, rounds: list[Round], times: int) -> Cost:
    def of(part: Callable[[Used], float]) -> float:
        return _median([part(each.used) / max(1, each.calls * times) * 1e6 for each in rounds])

    return Cost(
        name,
        gateway,
        unit,
        of(lambda used: used.loop_user_s),
        of(lambda used: used.loop_kernel_s),
        of(lambda used: used.other_s),
        _median([each.busy for each in rounds]),
    )


def _pairs(ours: list[Round], theirs: list[Round]) -> list[tuple[Round, Round]]:
    return [(a, b) for a, b in zip(ours, theirs, strict=True) if a.calls and b.calls]


def _median(values: Iterable[float]) -> float:
    known = list(values)
    return statistics.median(known) if known else 0.0
