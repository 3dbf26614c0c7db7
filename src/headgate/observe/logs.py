"""Structured logs of everything that is not a call: start, stop, configuration, faults."""

import atexit
import logging
import sys
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Literal

import structlog

LogFormat = Literal["console", "json"]

# What these tell of an ordinary start and stop is only worth reading when something is being looked for.
_TALKATIVE = ("alembic", "uvicorn.error")


def set_up_logs(form: LogFormat, level: str) -> None:
    """Send structlog's and the standard library's records to stderr, one line each, in the wanted form.

    Raises:
        ValueError: the level is not one of logging's.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    # Lines are written by a thread of their own: a reader of stderr who stalls must not stall the event loop.
    waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(waiting, logging.StreamHandler(sys.stderr))
    listener.start()
    atexit.register(listener.stop)
    handler = QueueHandler(waiting)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(level.upper() if level == "debug" else logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
