"""What is compared, each a running process on the gateway's core: HAProxy, Headgate, LiteLLM; and their upstreams."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import load
from machine import free_port

HERE = Path(__file__).resolve().parent
START_S = 120.0
STOP_S = 20.0

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
PLAIN, STREAM, SLOW, CLAUDE = "gpt-4o-mini", "gpt-4o", "gpt-4.1", "claude-sonnet-4-5"
"""Models, each served by an upstream of its own: small answers, streams, slow streams, streams in Anthropic's form."""

ANSWER = """\
{"id":"chatcmpl-BHeadgateBenchmark00000000001","object":"chat.completion","created":1795600000,\
"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"It opens as far as \
the water asks for, and measures what goes through.","refusal":null,"annotations":[]},"logprobs":null,\
"finish_reason":"stop"}],"usage":{"prompt_tokens":35,"completion_tokens":16,"total_tokens":51,"prompt_tokens_details":\
{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,\
"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default",\
"system_fingerprint":"fp_0123456789"}
"""

HAPROXY = """\
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 120s
  timeout server 120s
  timeout connect 10s
"""

CONFIG = """\
channels:
  - {{name: plain, provider: openai-compatible, base_url: "http://127.0.0.1:{plain}/v1", keys: [sk-upstream],
     models: [{PLAIN}]}}
  - {{name: streams, provider: openai-compatible, base_url: "http://127.0.0.1:{stream}/v1", keys: [sk-upstream],
     models: [{STREAM}]}}
  - {{name: slow, provider: openai-compatible, base_url: "http://127.0.0.1:{stream}/slow/v1", keys: [sk-upstream],
     models: [{SLOW}]}}
  - {{name: messages, provider: anthropic-compatible, base_url: "http://127.0.0.1:{stream}", keys: [sk-upstream],
     models: [{CLAUDE}]}}
users:
  - {{name: bench, balance_usd: 1000000}}
keys:
  - {{name: bench, user: bench, key: {key}}}
"""

LITELLM = """\
model_list:
  - model_name: {PLAIN}
    litellm_params: {{model: openai/{PLAIN}, api_base: "http://127.0.0.1:{plain}/v1", api_key: sk-upstream}}
  - model_name: {STREAM}
    litellm_params: {{model: openai/{STREAM}, api_base: "http://127.0.0.1:{stream}/v1", api_key: sk-upstream}}
general_settings:
  master_key: {key}
litellm_settings:
  num_retries: 0
"""


class NotReady(Exception):
    """A process did not come up; the message has the end of its log."""


@dataclass(frozen=True)
class Upstreams:
    """The ports of the two upstreams: small answers (HAProxy) and streams (`upstream.py`)."""

    plain: int
    stream: int


@dataclass(frozen=True)
class Gateway:
    """One that is measured. `port` takes every call but HAProxy's streams, which come in by a port of their own:
    a plain proxy does not look into a body for the model."""

    name: str
    pid: int
    port: int
    stream_port: int


@contextmanager
def upstreams(directory: Path, core: int) -> Iterator[Upstreams]:
    """Both upstreams on the load generator's core."""
    ports = Upstreams(free_port(), free_port())
    (directory / "answer.json").write_text(ANSWER)
    config = directory / "upstream.cfg"
    config.write_text(
        f"{HAPROXY}frontend answers\n  bind 127.0.0.1:{ports.plain}\n"
        f"  http-request return status 200 content-type application/json file {directory / 'answer.json'}\n"
    )
    streams = [sys.executable, str(HERE / "upstream.py"), str(ports.stream)]
    with (
        process(["haproxy", "-db", "-f", str(config)], core, directory / "upstream-plain.log") as first,
        process(streams, core, directory / "upstream-stream.log") as second,
    ):
        wait_for(f"http://127.0.0.1:{ports.plain}/", first, directory / "upstream-plain.log")
        wait_for(f"http://127.0.0.1:{ports.stream}/", second, directory / "upstream-stream.log")
        yield ports


@contextmanager
def haproxy(directory: Path, core: int, to: Upstreams) -> Iterator[Gateway]:
    """HAProxy as a plain reverse proxy that keeps its upstream connections."""
    plain, stream = free_port(), free_port()
    config = directory / "haproxy.cfg"
    config.write_text(
        f"{HAPROXY}"
        f"frontend plain\n  bind 127.0.0.1:{plain}\n  default_backend plain\n"
        f"backend plain\n  http-reuse always\n  server s 127.0.0.1:{to.plain}\n"
        f"frontend stream\n  bind 127.0.0.1:{stream}\n  default_backend stream\n"
        f"backend stream\n  http-reuse always\n  server s 127.0.0.1:{to.stream}\n"
    )
    log = directory / "haproxy.log"
    with process(["haproxy", "-db", "-f", str(config)], core, log) as running:
        wait_for(f"http://127.0.0.1:{plain}/", running, log)
        yield Gateway("HAProxy", running.pid, plain, stream)


@contextmanager
def headgate(directory: Path, core: int, to: Upstreams, python: Path) -> Iterator[Gateway]:
    """Headgate with everything on: authentication, prices, holds, journal, receipts in SQLite, metrics, and the log of
    calls in a file."""
    port = free_port()
    log = directory / "headgate.log"
    with process(headgate_command(directory, python, port, to), core, log) as running:
        wait_for(f"http://127.0.0.1:{port}/readyz", running, log)
        yield Gateway("Headgate", running.pid, port, port)


def headgate_command(directory: Path, python: Path, port: int, to: Upstreams) -> list[str]:
    """The command that starts Headgate on a data directory inside `directory`."""
    config = directory / "headgate.yaml"
    config.write_text(
        CONFIG.format(
            plain=to.plain, stream=to.stream, key=load.KEY, PLAIN=PLAIN, STREAM=STREAM, SLOW=SLOW, CLAUDE=CLAUDE
        )
    )
    flags = ["--config", str(config), "--data", str(directory / "data"), "--port", str(port), "--log-level", "warning"]
    return [str(python.parent / "headgate"), "serve", *flags]


@contextmanager
def litellm(directory: Path, core: int, to: Upstreams, python: Path) -> Iterator[Gateway]:
    """LiteLLM's proxy, one worker, without a database."""
    port = free_port()
    config = directory / "litellm.yaml"
    config.write_text(LITELLM.format(plain=to.plain, stream=to.stream, key=load.KEY, PLAIN=PLAIN, STREAM=STREAM))
    log = directory / "litellm.log"
    command = [
        *(str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1"),
        *("--port", str(port), "--num_workers", "1"),
    ]
    quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    with process(command, core, log, quiet) as running:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", running, log)
        yield Gateway("LiteLLM", running.pid, port, port)


@contextmanager
def process(
    command: list[str], core: int, log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core, its output in a file, stopped at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C is ours, and what it means for the others too.
        running = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**inherited, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield running
    finally:
        stop(running)


def stop(running: subprocess.Popen[bytes]) -> None:
    """End a process: asked first, then killed, with all that it started."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes], log: Path, every_s: float = 0.05) -> None:
    """Wait until a process answers.

    Raises:
        NotReady: it ended, or took too long.
    """
    until = time.monotonic() + START_S
    while time.monotonic() < until and running.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read(1)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 503:
                return
        except OSError:
            pass
        time.sleep(every_s)
    ending = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise NotReady(f"{log.stem} did not start: {' / '.join(ending)}")


def unflushed(gateway: Gateway) -> int:
    """How many receipts Headgate has in its journal and not yet in SQLite."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("headgate_journal_records "):
                return int(float(line.split()[1]))
    return 0
