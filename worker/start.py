"""`python -m worker.start worker|beat`: Celery's two services with the settings that services.py chose.

The same as `celery -A worker.app worker|beat`, without Celery's command line: that imports Flower and a shell first,
which takes a quarter of the time until a worker is there.
"""

import argparse
import sys
from collections.abc import Sequence

from celery.utils.nodenames import default_nodename, host_format

LOG_LEVEL = "WARNING"  # Celery's own lines; ours are told from INFO on


def start(arguments: Sequence[str]) -> int:
    """Run a service until it is asked to stop; return its exit code."""
    options = _parser().parse_args(arguments)
    from worker.app import app  # noqa: PLC0415 - reads the configuration as it is imported

    if options.service == "beat":
        app.Beat(loglevel=LOG_LEVEL, quiet=True).run()
        return 0
    worker = app.Worker(
        hostname=host_format(default_nodename(options.name)),
        queues=options.queues,
        pool_cls=options.pool,
        concurrency=options.slots,
        loglevel=LOG_LEVEL,
        quiet=True,
        # mingle asks other workers for their clocks for a second, gossip listens to each of them: nothing uses either
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.start", allow_abbrev=False)
    services = parser.add_subparsers(dest="service", required=True)
    services.add_parser("beat")
    worker = services.add_parser("worker")
    worker.add_argument("--name", required=True)
    worker.add_argument("--queues", required=True)
    worker.add_argument("--pool", required=True)
    worker.add_argument("--slots", required=True, type=int)
    return parser


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
