"""A simulated upstream that speaks the vendors' protocols like the originals, for demos, tests and offline trials.

`prompt`, `brain`, `counts`, `sights` and `schemas` are its model; one file a protocol puts questions to it and its
answers into the vendor's form; `faults` says what to do wrong, `delivery` does it on a `connection`; `books` remember
what was served; `server` is the door. None of it uses the gateway's own codecs: it is an independent witness of the
wire formats.
"""

from headgate.sandbox.server import Sandbox, running_sandbox, serve

__all__ = ["Sandbox", "running_sandbox", "serve"]
