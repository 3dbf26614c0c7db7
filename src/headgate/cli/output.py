"""What commands print: tables for people, one JSON object a line for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import orjson
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Row = Mapping[str, object]

# Into a file or a pipe nothing is cut to the width of a screen that is not there.
PIPE_WIDTH = 500


def console() -> Console:
    """Standard output: in colour on a terminal, plain elsewhere."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def show_json(rows: Iterable[Row]) -> None:
    """One object a line."""
    for row in rows:
        typer.echo(orjson.dumps(row))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str, right: Sequence[str] = ()) -> None:
    """A table, or the sentence `empty` where there are no rows. Columns named in `right` are numbers."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table)


def show_fields(fields: Sequence[tuple[str, str]]) -> None:
    """One thing, a field a line."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        typer.echo(f"{name:<{width}}  {value}")


def moment(at_ms: int) -> str:
    """A time for people: local, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(ms: int | None) -> str:
    """A duration for people."""
    if ms is None:
        return ""
    return f"{ms} ms" if ms < 10_000 else f"{ms / 1000:.1f} s"


def yes(value: bool) -> str:
    return "yes" if value else "no"
