"""Headgate: a self-hosted AI gateway. `docs/` and the packages' own docstrings are the map."""

__version__ = "0.1.0"
