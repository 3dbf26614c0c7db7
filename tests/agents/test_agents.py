"""Agents that people use do a small task through the gateway, onto upstreams that do not speak their protocol.

Each is set up by its documented settings (docs/clients.md). The task is a script for the sandbox: it tells which tools
of the agent to call, reads a file and writes another, and the last answer quotes what the last tool said.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.conftest import Place
from agents.installed import Ended, program, run

NOTE, MADE = "cobalt blue 4711", "made by an agent"
OFFLINE = {"DO_NOT_TRACK": "1"}
_CHANNELS = {"gpt-5.5": "anthropic"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The agent's home, with the file that it is to read in it."""
    path = tmp_path / "home"
    path.mkdir()
    (path / "note.txt").write_text(f"{NOTE}\n")
    return path


def script(*calls: tuple[str, Mapping[str, object]]) -> str:
    """A task that the sandbox follows call by call."""
    return "Look at this.\n" + "\n".join(f"sandbox-tool: {name} {json.dumps(given)}" for name, given in calls)


async def check(place: Place, model: str, ended: Ended) -> None:
    """The agent was content, and every call it made was completed on the channel that it was meant for."""
    assert ended.code == 0, ended.output
    receipts = await place.house.receipts()
    found = {(receipt.channel, receipt.model, receipt.ending, receipt.status) for receipt in receipts}
    assert found == {(_CHANNELS.get(model, model.partition("-")[2]), model, "completed", 200)}, ended.output


@pytest.mark.parametrize("model", ["on-chat", "think-gemini", "think-responses"])
async def test_claude_code(place: Place, home: Path, model: str) -> None:
    """It speaks Anthropic's Messages."""
    claude = str(program("claude"))
    task = script(
        ("Read", {"file_path": f"{home}/note.txt"}), ("Write", {"file_path": f"{home}/out.txt", "content": MADE})
    )
    environment = {
        "ANTHROPIC_BASE_URL": place.url,
        "ANTHROPIC_AUTH_TOKEN": place.key,
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    ended = await run([claude, "-p", task, "--permission-mode", "acceptEdits"], home, OFFLINE | environment)
    await check(place, model, ended)
    assert (home / "out.txt").read_text() == MADE


@pytest.mark.parametrize("model", ["on-chat", "think-anthropic", "think-gemini"])
async def test_codex(place: Place, home: Path, model: str) -> None:
    """It speaks OpenAI's Responses, with tools of its own kinds."""
    command = "cat note.txt; printf '%s' 'made by an agent' > out.txt"
    ended = await codex(place, home, model, script(("exec_command", {"cmd": command})))
    await check(place, model, ended)
    assert (home / "out.txt").read_text() == MADE
    assert NOTE in ended.output


async def test_codex_patches_with_a_free_text_tool(place: Place, home: Path) -> None:
    """It offers one with models whose name it knows; elsewhere it is a function with one string."""
    patch = f"*** Begin Patch\n*** Add File: out.txt\n+{MADE}\n*** End Patch\n"
    ended = await codex(place, home, "gpt-5.5", script(("apply_patch", {"input": patch})))
    await check(place, "gpt-5.5", ended)
    assert (home / "out.txt").read_text() == f"{MADE}\n"


async def test_codex_with_its_own_provider(place: Place, home: Path) -> None:
    """It asks for a WebSocket, is told that there is none, and goes on over plain HTTP."""
    installed = str(program("codex"))
    (home / ".codex").mkdir()
    config = f'model = "on-gemini"\nopenai_base_url = "{place.url}/v1"\n\n[analytics]\nenabled = false\n'
    (home / ".codex" / "config.toml").write_text(config)
    login = await run([installed, "login", "--with-api-key"], home, OFFLINE, said=place.key)
    assert login.code == 0, login.output
    task = script(("exec_command", {"cmd": "cat note.txt"}))
    ended = await run([installed, "exec", "--skip-git-repo-check", task], home, OFFLINE)
    await check(place, "on-gemini", ended)
    assert "Reconnecting" not in ended.output


async def codex(place: Place, home: Path, model: str, task: str) -> Ended:
    """Codex, at its task."""
    installed = str(program("codex"))
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(f"""\
model = "{model}"
model_provider = "headgate"

[model_providers.headgate]
name = "Headgate"
base_url = "{place.url}/v1"
env_key = "HEADGATE_KEY"
wire_api = "responses"

[analytics]
enabled = false
""")
    arguments = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"]
    return await run([installed, *arguments, task], home, OFFLINE | {"HEADGATE_KEY": place.key})


@pytest.mark.parametrize("model", ["on-chat", "think-anthropic", "think-responses"])
async def test_gemini_cli(place: Place, home: Path, model: str) -> None:
    """It speaks Google's generateContent."""
    gemini = str(program("gemini"))
    (home / ".gemini").mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    task = script(("read_file", {"file_path": "note.txt"}), ("write_file", {"file_path": "out.txt", "content": MADE}))
    environment = {"GOOGLE_GEMINI_BASE_URL": place.url, "GEMINI_API_KEY": place.key}
    command = [gemini, "--skip-trust", "-m", model, "--approval-mode", "yolo", "-p", task]
    await check(place, model, await run(command, home, OFFLINE | environment))
    assert (home / "out.txt").read_text() == MADE


@pytest.mark.parametrize("model", ["think-anthropic", "think-gemini"])
async def test_qwen_code(place: Place, home: Path, model: str) -> None:
    """It speaks OpenAI's chat."""
    qwen = str(program("qwen"))
    task = script(
        ("read_file", {"file_path": f"{home}/note.txt"}),
        ("write_file", {"file_path": f"{home}/out.txt", "content": MADE}),
    )
    environment = {"OPENAI_BASE_URL": f"{place.url}/v1", "OPENAI_API_KEY": place.key, "OPENAI_MODEL": model}
    command = [qwen, "--auth-type", "openai", "--approval-mode", "yolo", "-p", task]
    await check(place, model, await run(command, home, OFFLINE | environment))
    assert (home / "out.txt").read_text() == MADE


@pytest.mark.parametrize("model", ["think-gemini", "think-anthropic"])
async def test_opencode(place: Place, home: Path, model: str) -> None:
    """It speaks OpenAI's chat, through the Vercel AI SDK."""
    opencode = str(program("opencode"))
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Headgate",
        "options": {"baseURL": f"{place.url}/v1", "apiKey": "{env:HEADGATE_KEY}"},
        "models": {model: {"name": model}},
    }
    wanted = f"headgate/{model}"
    config = {"autoupdate": False, "provider": {"headgate": provider}, "model": wanted, "small_model": wanted}
    (home / "opencode.json").write_text(json.dumps({"$schema": "https://opencode.ai/config.json", **config}))
    task = script(
        ("read", {"filePath": f"{home}/note.txt"}), ("write", {"filePath": f"{home}/out.txt", "content": MADE})
    )
    environment = {"HEADGATE_KEY": place.key, "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    # As an argument it would be quoted once more.
    await check(place, model, await run([opencode, "run"], home, OFFLINE | environment, said=task))
    assert (home / "out.txt").read_text() == MADE


@pytest.mark.parametrize("model", ["on-anthropic", "think-gemini"])
async def test_cline(place: Place, home: Path, model: str) -> None:
    """It speaks OpenAI's chat, and ends its task with a tool of its own."""
    cline = str(program("cline"))
    task = script(
        ("read_files", {"files": [{"path": f"{home}/note.txt"}]}),
        ("editor", {"path": f"{home}/out.txt", "new_text": MADE}),
        ("submit_and_exit", {"summary": "Wrote out.txt.", "verified": True}),
    )
    auth = [cline, "auth", "-p", "openai", "-k", place.key, "-m", model, "-b", f"{place.url}/v1"]
    assert (await run(auth, home, OFFLINE)).code == 0
    await check(place, model, await run([cline, "-y", task], home, OFFLINE))
    assert (home / "out.txt").read_text() == MADE


@pytest.mark.parametrize("model", ["on-gemini", "on-anthropic"])
async def test_aider(place: Place, home: Path, model: str) -> None:
    """It speaks OpenAI's chat, and takes edits as text instead of tools."""
    aider = str(program("aider"))
    task = f"Reply with exactly: note.txt\n```\n{MADE}\n```"
    arguments = ["--model", f"openai/{model}", "--edit-format", "whole", "--message", task, "note.txt"]
    quiet = ["--no-git", "--yes-always", "--no-check-update", "--no-show-model-warnings", "--analytics-disable"]
    environment = {"OPENAI_API_BASE": f"{place.url}/v1", "OPENAI_API_KEY": place.key}
    await check(place, model, await run([aider, *quiet, *arguments], home, OFFLINE | environment))
    assert (home / "note.txt").read_text().strip() == MADE
