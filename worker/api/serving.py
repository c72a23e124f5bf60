"""The HTTP face as a process: its routes, and how they are served. What a route does stands in a module of its own."""

import socket
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI, Response

from adapters.store import Store
from tasks.ports import Ports
from worker.api.access import Access
from worker.api.decisions import decisions_router
from worker.api.explanations import explanations_router
from worker.api.metrics import metrics_router
from worker.api.notifications import notification_router
from worker.api.plans import plans_router
from worker.api.problems import answer_problems
from worker.api.punctual import PunctualProtocol
from worker.api.runs import runs_router
from worker.api.standing import standing_router
from worker.api.undo import undo_router

KEEP_ALIVE_S = 75
WARM_STOP_S = 5
MOST_REQUESTS = 500  # at once; beyond that 503 is said at once, so that whoever is in is answered in time


def create_api(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> FastAPI:
    """Return the application; ports and store are this process's, asked for with each request."""
    app = FastAPI(title="contact-sync", version=version("psa-contact-sync"), docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # its Location would be made of the Host that the caller sent
    answer_problems(app)
    app.include_router(runs_router(ports, store, access))
    app.include_router(explanations_router(ports, access))
    app.include_router(decisions_router(ports, store, access))
    app.include_router(plans_router(ports, store, access))
    app.include_router(undo_router(ports, store, access))
    app.include_router(standing_router(ports, store, access))
    app.include_router(metrics_router(ports, store, access))
    app.include_router(notification_router(ports))

    @app.get("/healthz", response_class=Response, tags=["service"])
    def healthz() -> Response:
        """Say that this process lives."""
        return Response("ok\n", HTTPStatus.OK, media_type="text/plain")

    return app


def serve_api(app: FastAPI, listen: str) -> None:
    """Serve until SIGINT or SIGTERM; what is being answered is finished. Raises OSError if the address is taken."""
    with _bound(listen) as listener:
        uvicorn.Server(config_of(app)).run(sockets=[listener])


def config_of(app: FastAPI) -> uvicorn.Config:
    """Return how it is served."""
    return uvicorn.Config(
        app,
        http=PunctualProtocol,
        access_log=False,  # addresses and tokens stand in the requests
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=WARM_STOP_S,
        limit_concurrency=MOST_REQUESTS,
    )


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
    except OSError:
        listener.close()
        raise
    return listener
