"""The results as a table on the terminal and as a page."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scenarios import Cost, Figure, Findings

NAMES = ("HAProxy", "Headgate", "LiteLLM")
NOTES = Path(__file__).resolve().parent / "where-the-time-goes.md"

HOW = """\
Written by `make bench` (`benchmarks/run.py`). One core for the gateway, the other for load generator and upstream. The
gateways take turns within each round; a figure is the median of the rounds, a ratio the median of the rounds' own
ratios."""
COSTS = """\
Processor time of the gateway process, from the system's own accounts: its event loop in user code and in the kernel,
and its other threads (SQLite). Where a gateway did not have all of its core, its calls a second say more about load
generator and upstream, or about what else the machine was doing, than about itself; this table does not."""


@dataclass(frozen=True)
class Setting:
    """Where and with what was measured: lines of a name and a value."""

    lines: tuple[tuple[str, str], ...]


def table(figures: list[Figure]) -> list[tuple[str, ...]]:
    """The figures as rows of text, the first row being the headings."""
    rows: list[tuple[str, ...]] = [("", *NAMES, "Headgate beside it", "aim", "")]
    for figure in figures:
        values = [_value(figure, name) for name in NAMES]
        rows.append((figure.name, *values, _beside(figure), _aim(figure), _verdict(figure)))
    return rows


def costs_table(costs: list[Cost]) -> list[tuple[str, ...]]:
    """What calls and events cost the gateway's core, as rows of text."""
    rows: list[tuple[str, ...]] = [
        ("µs of the gateway's core", "gateway", "loop", "loop, kernel", "threads", "in all", "core in use")
    ]
    for cost in costs:
        total = cost.loop_user_us + cost.loop_kernel_us + cost.other_us
        parts = [_number(us, 1) for us in (cost.loop_user_us, cost.loop_kernel_us, cost.other_us, total)]
        rows.append((f"{cost.name}, one {cost.unit}", cost.gateway, *parts, f"{cost.busy:.0%}"))
    return rows


def show(found: Findings, console: Console) -> None:
    """Print the tables."""
    for rows in (table(found.figures), costs_table(found.costs)):
        shown = Table(*rows[0], box=None, pad_edge=False)
        for column in shown.columns[1:5]:
            column.justify = "right"
        for row in rows[1:]:
            shown.add_row(*row)
        console.print(shown)
        console.print()
    for remark in found.remarks:
        console.print(remark)


def page(setting: Setting, found: Findings) -> str:
    """The page `results.md`."""
    missed = [figure for figure in found.figures if figure.reached is False]
    parts = [
        "# Results",
        HOW,
        "\n".join(f"- {name}: {value}" for name, value in setting.lines),
        _markdown(table(found.figures), numbers=range(1, 5)),
        "\n".join(f"- {remark}" for remark in found.remarks),
        "## What a call costs",
        COSTS,
        _markdown(costs_table(found.costs), numbers=range(2, 7)),
    ]
    if missed:
        parts += ["## Where the time goes", _missed(missed)]
        if NOTES.exists():
            parts.append(NOTES.read_text().strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _missed(figures: list[Figure]) -> str:
    lines = [f"- **{figure.name}**: {_aim(figure)}; measured {_judged(figure)}." for figure in figures]
    return "Not reached in this run:\n\n" + "\n".join(lines)


def _judged(figure: Figure) -> str:
    if figure.judged is None:
        return ""
    if figure.ratio is not None and figure.judged == figure.ratio:
        return f"{figure.judged:.2f} ×"
    if "×" in figure.aim:
        return f"{figure.judged:.1f} ×"
    if "more than" in figure.aim:
        return f"{figure.judged:+,.0f} {figure.unit}"
    if figure.aim == "flat":
        return f"{figure.judged:+.1f} {figure.unit}"
    return f"{_number(figure.judged, figure.digits)} {figure.unit}"


def _value(figure: Figure, name: str) -> str:
    value = figure.values.get(name)
    if value == 0:
        return "none ended in time"
    return "" if value is None else f"{_number(value, figure.digits)} {figure.unit}"


def _beside(figure: Figure) -> str:
    if figure.ratio is not None:
        return f"{figure.ratio:.2f} × {figure.beside}"
    ours, theirs = figure.values.get("Headgate"), figure.values.get("HAProxy")
    if ours is None or theirs is None:
        return ""
    return f"{ours - theirs:+,.{figure.digits}f} {figure.unit}"


def _aim(figure: Figure) -> str:
    return figure.aim


def _verdict(figure: Figure) -> str:
    if figure.reached is None:
        return ""
    return f"{'reached' if figure.reached else 'missed'} ({_judged(figure)})"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _markdown(rows: list[tuple[str, ...]], numbers: range) -> str:
    heading, *others = rows
    rule = ["---:" if position in numbers else "---" for position in range(len(heading))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heading, rule, *others))
