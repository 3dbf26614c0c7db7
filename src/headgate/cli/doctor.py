"""`headgate doctor`."""

import typer

from headgate.cli.failures import run, told
from headgate.cli.output import show_json
from headgate.cli.place import ConfigOption, DataOption, JsonOption, given, locate
from headgate.config.document import ConfigError
from headgate.doctor import Finding, Kind, examine
from headgate.settings import Settings

app = typer.Typer(add_completion=False)

_COLOURS: dict[Kind, str] = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "bad": typer.colors.RED}


@app.command()
def doctor(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is wrong with a set-up and how to mend it.

    Nothing is changed and no call is made: upstreams are connected to and left again. Exits with 1 where something is
    wrong.
    """
    with told():
        settings = _settings(data, config)
    findings = run(examine(settings))
    if as_json:
        show_json({"kind": f.kind, "what": f.what, "mend": f.mend} for f in findings)
    else:
        for finding in findings:
            _show(finding)
        typer.echo(_summary(findings))
    if any(finding.kind == "bad" for finding in findings):
        raise typer.Exit(1)


def _settings(data: DataOption, config: ConfigOption) -> Settings:
    """The settings, even where the file is wrong: that is for the doctor to find."""
    try:
        return locate(data, config)
    except ConfigError:
        return Settings.load(given(data=data, config=config))


def _show(finding: Finding) -> None:
    typer.secho(f"{finding.kind:<5}", fg=_COLOURS[finding.kind], nl=False)
    typer.echo(finding.what)
    if finding.mend:
        typer.echo(f"     → {finding.mend}")


def _summary(findings: list[Finding]) -> str:
    wrong = sum(finding.kind == "bad" for finding in findings)
    doubtful = sum(finding.kind == "warn" for finding in findings)
    if not wrong and not doubtful:
        return "All is well."
    return f"{wrong} wrong, {doubtful} doubtful."
