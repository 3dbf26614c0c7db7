"""The command line: one file a command, loaded when it is asked for. `root` knows their names."""

from headgate.cli.root import app, main

__all__ = ["app", "main"]
