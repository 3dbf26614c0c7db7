"""The load generator: wrk, told what to send and asked for figures."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import machine

KEY = "sk-bench-0123456789abcdef0123456789abcdef"
ANTHROPIC_VERSION = "2023-06-01"

SCRIPT = """\
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
%(headers)s
wrk.body = [==[%(body)s]==]
done = function(summary, latency, requests)
  local bad = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    bad.status, bad.connect + bad.read + bad.write + bad.timeout, latency:percentile(50)))
end
"""


@dataclass(frozen=True)
class Ask:
    """A request, and how many events its answer has (0 where it is not a stream)."""

    path: str
    headers: dict[str, str]
    body: dict[str, object]
    events: int = 0


@dataclass(frozen=True)
class Round:
    """What one round of load found. Rates a second of wall time; `used` is the gateway's processor time."""

    calls: int
    seconds: float
    failed: int
    median_us: int
    used: machine.Used

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def busy(self) -> float:
        """The share of its core that the gateway had."""
        return self.used.total_s / self.seconds


def _openai(model: str, *, stream: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "How does a headgate let the right amount of water into a canal?"},
        ],
        "temperature": 0.7,
    }
    return {**body, "stream": True, "stream_options": {"include_usage": True}} if stream else body


def chat(path: str, model: str, *, events: int = 0) -> Ask:
    """A small call of an OpenAI client; a stream where it has events."""
    return Ask(path, {"authorization": f"Bearer {KEY}"}, _openai(model, stream=events > 0), events)


def message(path: str, model: str, *, events: int) -> Ask:
    """A streamed call of an Anthropic client."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": 1024,
        "system": "You are a helpful assistant.",
        "messages": [{"role": "user", "content": "How does a headgate let the right amount of water into a canal?"}],
        "temperature": 0.7,
        "stream": True,
    }
    return Ask(path, {"x-api-key": KEY, "anthropic-version": ANTHROPIC_VERSION}, body, events)


def run(ask: Ask, port: int, *, pid: int, core: int, connections: int, seconds: float, directory: Path) -> Round:
    """Load the gateway `pid` on a port for some seconds, from a core of our own."""
    script = directory / "ask.lua"
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in ask.headers.items())
    script.write_text(SCRIPT % {"headers": headers, "body": json.dumps(ask.body, separators=(",", ":"))})
    whole_seconds = max(1, round(seconds))
    command = [
        *("taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{whole_seconds}s", "--timeout", "30s"),
        *("-s", str(script), f"http://127.0.0.1:{port}{ask.path}"),
    ]
    before = machine.used(pid)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = machine.used(pid)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    calls, duration_us, refused, broken, median_us = map(int, line.split()[1:])
    return Round(calls, duration_us / 1e6, refused + broken, median_us, after.since(before))
