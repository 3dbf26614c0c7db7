"""Reports the longest files and functions and those with the most parameters. It fails nothing: sizes are for people to
judge.

    python scripts/sizes.py src/headgate
"""

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SHOWN = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Sized(NamedTuple):
    size: int
    name: str


def main(root: Path) -> None:
    """Print the report for all Python files below `root`."""
    files: list[Sized] = []
    functions: list[Sized] = []
    parameters: list[Sized] = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text("utf-8")
        files.append(Sized(len(text.splitlines()), str(path)))
        for function in _functions(ast.parse(text)):
            name = f"{path}:{function.lineno} {function.name}"
            functions.append(Sized((function.end_lineno or function.lineno) - function.lineno + 1, name))
            parameters.append(Sized(_count(function), name))
    _show("lines a file", files)
    _show("lines a function", functions)
    _show("parameters a function", parameters)


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _count(function: Function) -> int:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def _show(what: str, sizes: Sequence[Sized]) -> None:
    numbers = sorted(sized.size for sized in sizes)
    median, high = statistics.median(numbers), numbers[int(len(numbers) * 0.95)]
    print(f"{what}: median {median:g}, 95th percentile {high}, largest {numbers[-1]}, of {len(numbers)}")
    for sized in sorted(sizes, reverse=True)[:SHOWN]:
        print(f"  {sized.size:5}  {sized.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
