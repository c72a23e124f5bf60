"""Flower inside our own process: what it may show, who may look, and how it ends. Nothing about a run is kept here.

Options are set in this process and not on a command line, so that the password stands in no process list. Neither
flowerconfig.py nor the FLOWER_ variables set an option; FLOWER_UNAUTHENTICATED_API, which Flower reads by itself, opens
its API only where there is no password.
"""

import signal
from collections.abc import Mapping
from typing import Any

from celery import Celery
from flower.app import Flower
from flower.options import options as flower_registry
from flower.urls import settings as flower_settings
from flower.utils import prepend_url

COLUMNS = "name,args,state,received,runtime,retries,worker,uuid"  # args hold the user principal name
MOST_TASKS = 5000  # 6 kB each: about 30 MB, and a list that still answers within half a second
INSPECT_TIMEOUT_MS = 2000.0  # a worker that is busy with 32 users answers late
OFFLINE_WORKER_S = 3600  # each start of a container is another worker name; after an hour the old ones are noise


def flower_options(
    listen: str, *, basic_auth: str | None, read_only: bool = True, url_prefix: str | None = None
) -> dict[str, Any]:
    """Return Flower's options: nothing on disk, no operation unless read_only is off, no trust in proxy headers."""
    address, _, port = listen.rpartition(":")
    return {
        "address": address.strip("[]"),
        "port": int(port),
        "basic_auth": [basic_auth] if basic_auth else [],
        "read_only": read_only,
        "url_prefix": (url_prefix or "").strip("/"),
        "tasks_columns": COLUMNS,
        "max_tasks": MOST_TASKS,
        "inspect_timeout": INSPECT_TIMEOUT_MS,
        "purge_offline_workers": OFFLINE_WORKER_S,
        "persistent": False,
        "xheaders": False,
    }


def serve_flower(app: Celery, options: Mapping[str, Any]) -> None:
    """Show the application's workers and tasks until SIGINT or SIGTERM. Raises OSError if the address is taken."""
    for name, value in options.items():
        setattr(flower_registry, name, value)
    settings = dict(flower_settings)
    if options["url_prefix"]:
        for name in ("login_url", "static_url_prefix"):
            settings[name] = prepend_url(settings[name], options["url_prefix"])
    flower = Flower(capp=app, options=flower_registry, **settings)
    flower.start_http_server()
    for number in (signal.SIGINT, signal.SIGTERM):
        flower.io_loop.asyncio_loop.add_signal_handler(number, flower.stop)
    flower.start()
