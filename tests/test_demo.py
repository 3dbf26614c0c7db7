"""The demo, played in full, and told what it would say if something were wrong."""

from pathlib import Path

import pytest

from headgate import demo
from headgate.demo import DemoFailed, run_demo, running_gateway


async def test_the_demo_plays_every_scene_and_finds_that_the_books_agree() -> None:
    """A real gateway, the real SDK."""
    said: list[str] = []
    await run_demo(said.append)
    text = "\n".join(said)
    assert all(f"{number}. {scene.title}" in text for number, scene in enumerate(demo.SCENES, start=1))
    assert "12 * 4 = 48." in text
    assert "64x48 pixels, mostly red" in text
    assert 'calls get_weather with {"city":"Delft"}' in text
    assert "PermissionDeniedError, HTTP 403" in text
    assert "The books agree: 5 receipts" in text


async def test_a_wrong_ending_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a check, not a show; the gateway is stopped all the same."""
    scene = demo.SCENES[0]
    wrong = demo.Scene(scene.title, scene.play, "empty")
    monkeypatch.setattr(demo, "SCENES", (wrong,))
    with pytest.raises(DemoFailed, match="the receipt should say empty, not completed"):
        await run_demo(lambda line: None)


async def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setattr(demo, "SDK", False)
    with pytest.raises(DemoFailed, match=r"pip install 'headgate\[demo\]'"):
        await run_demo(lambda line: None)


async def test_a_gateway_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    """Its own sentence is the best explanation."""
    config = tmp_path / "headgate.yaml"
    config.write_text("chanels: []\n")
    with pytest.raises(DemoFailed, match=r"did not start: headgate: .*headgate\.yaml:1: "):
        async with running_gateway(config, tmp_path / "data"):
            pass
