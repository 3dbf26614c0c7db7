"""The benchmark's own machinery; what it measures is no test's business."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

PAGE = """
import report, scenarios
found = scenarios.Findings(
    figures=[
        scenarios.Figure("small calls", "calls/s", {"HAProxy": 40000, "Headgate": 21000, "LiteLLM": 60}, ratio=0.525,
                         aim="at least half of HAProxy's", judged=0.525, reached=True),
        scenarios.Figure("a live stream", "kB", {"HAProxy": 30, "Headgate": 61.25}, aim="at most 60 kB", judged=61.25,
                         reached=False, digits=1),
    ],
    costs=[scenarios.Cost("small calls", "Headgate", "call", 20, 9.5, 3, 0.99)],
    remarks=["LiteLLM was left out: no network"],
)
print(report.page(report.Setting((("date", "today"),)), found))
"""


def test_the_benchmark_says_how_it_is_used() -> None:
    """`run.py --help` names its options and starts nothing."""
    done = run(str(BENCHMARKS / "run.py"), "--help")
    assert done.returncode == 0, done.stderr
    assert {"--quick", "--million", "--python", "--install"} <= set(done.stdout.replace(",", " ").split())


def test_the_page_shows_figures_beside_their_aims() -> None:
    """Values, ratios, verdicts and costs are in the tables, and what missed its aim is named again below."""
    done = run("-c", PAGE)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    calls = "| small calls | 40,000 calls/s | 21,000 calls/s | 60 calls/s | 0.53 × HAProxy |"
    assert any(line.startswith(calls) and line.endswith("| reached (0.53 ×) |") for line in lines)
    assert any(line.startswith("| a live stream | 30.0 kB | 61.2 kB |  | +31.2 kB |") for line in lines)
    assert "| small calls, one call | Headgate | 20.0 | 9.5 | 3.0 | 32.5 | 99% |" in lines
    assert "- **a live stream**: at most 60 kB; measured 61.2 kB." in lines
    assert "- LiteLLM was left out: no network" in lines


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python, where the benchmark's modules are found."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments], cwd=BENCHMARKS, capture_output=True, text=True, timeout=60, check=False
    )
