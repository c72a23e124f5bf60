"""Logs of this process: one JSON object a line for machines, coloured lines on a terminal. Facts are fields.

Whatever a step binds (run_id, connector_id, task_id) stands in each line. Ids, counts, reasons and the user principal
name are allowed there; no other personal data is.
"""

import logging
import sys
from typing import IO, Any

import structlog

__all__ = ["CHILD_ENDED", "configure"]

CHILD_ENDED = "child.ended"

QUIET = ("celery", "kombu", "amqp", "httpx", "httpcore", "msal", "redis", "tornado", "flower", "asyncio", "urllib3")
"""Libraries that tell too much at INFO: Celery's line per task costs a quarter of the throughput, httpx logs URLs."""

SILENT = ("flower.inspector",)
"""Flower warns of each worker that does not answer at once, as none does while it starts."""


def configure(*, out: IO[str] | None = None, level: int = logging.INFO) -> None:
    """Set up logging for this process, ours and the libraries'; a repeat replaces the set-up."""
    stream = sys.stderr if out is None else out
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)


def _rendering(stream: IO[str]) -> list[Any]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
