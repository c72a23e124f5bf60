"""Start the sandbox: `python -m ops.sandbox --dir DIR`."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from ops.sandbox.app import Application
from ops.sandbox.certificates import write_app_certificate, write_server_certificate
from ops.sandbox.http import Json
from ops.sandbox.microsoft.seed import MULTI_TENANT_APP, MULTI_TENANT_SECRET, own_app, tenant_id
from ops.sandbox.seeding import company_of, domain_of, name_of, parse_seed
from ops.sandbox.world import World

logger = logging.getLogger("ops.sandbox")
PARENT_CHECK_S = 0.5


def _tenants(text: str) -> int | list[int]:
    return [int(size) for size in text.split(",") if size] if "," in text else int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops.sandbox", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where ca.pem and sandbox.json are written")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--users", type=int, default=500, help="users of the first tenant")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tenants", type=_tenants, default=3, help="how many, or the users of each further one: 100,5")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every answer")
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    return parser.parse_args()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # asyncio switches Nagle off only where it knows TCP
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _credentials(folder: Path) -> Json:
    return {"certificate_file": str(folder / "app-certificate.pem"), "private_key_file": str(folder / "app-key.pem")}


def _tenant(number: int, users: int, folder: Path) -> Json:
    app = own_app(number)
    return {
        "name": name_of(number),
        "tenant_id": tenant_id(number),
        "domain": domain_of(number),
        "client_id": app.client_id,
        "client_secret": app.secret,
        "expired_client_secret": app.expired_secret,
        **_credentials(folder),
        "company_id": str(company_of(number)),
        "users": users,
    }


def describe(folder: Path, world: World, url: str) -> Json:
    """The content of sandbox.json."""
    return {
        "url": url,
        "ca_file": str(folder / "ca.pem"),
        "control_url": f"{url}/sandbox",
        "login_url": url,
        "graph_url": f"{url}/v1.0",
        "pid": os.getpid(),
        "tenants": [_tenant(number, users, folder) for number, users in enumerate(world.current_seed.sizes)],
        "multi_tenant_app": {
            "client_id": MULTI_TENANT_APP,
            "client_secret": MULTI_TENANT_SECRET,
            **_credentials(folder),
        },
        **{name: installation.describe(url) for name, installation in world.installations().items()},
    }


def _write_at_once(path: Path, content: Json) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def _is_alive(pid: int) -> bool:
    """Whether there is such a process; a dead one stays in the table until its parent has asked for it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Server(uvicorn.Server):
    """Says when it is ready, and ends with its parent."""

    def __init__(self, config: uvicorn.Config, *, ready: Path, description: Json, parent_pid: int | None) -> None:
        super().__init__(config)
        self._ready = ready
        self._description = description
        self._parent_pid = parent_pid
        self._watch: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT with status 0; uvicorn's own would raise the signal again after a clean end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then write sandbox.json."""
        await super().startup(sockets)
        if self._parent_pid is not None:
            self._watch = asyncio.create_task(self._end_with_parent(self._parent_pid))
        _write_at_once(self._ready, self._description)
        logger.info("sandbox ready at %s", self._description["url"])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End at once: a TLS client that keeps an idle connection would be waited for."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    async def _end_with_parent(self, pid: int) -> None:
        is_ours = os.getppid() == pid
        while _is_alive(pid) and (not is_ours or os.getppid() == pid):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(PARENT_CHECK_S)
        self.should_exit = True


def main() -> None:
    """Run until told to end."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    folder: Path = arguments.dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "sandbox.json"
    ready.unlink(missing_ok=True)
    hosts = dict.fromkeys(["127.0.0.1", "::1", "localhost", "sandbox", arguments.host])
    write_server_certificate(folder, [host for host in hosts if host not in {"0.0.0.0", "::"}])  # noqa: S104 - left out, not bound
    certificate = write_app_certificate(folder)
    seed = parse_seed({"users": arguments.users, "seed": arguments.seed, "tenants": arguments.tenants})
    world = World(certificate, seed, latency_ms=arguments.latency_ms, ca_file=folder / "ca.pem")
    listener = _listen(arguments.host, arguments.port)
    reachable = "127.0.0.1" if arguments.host in {"0.0.0.0", "::"} else arguments.host  # noqa: S104 - compared, not bound
    name = f"[{reachable}]" if ":" in reachable else reachable
    url = f"https://{name}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        Application(world),
        ssl_certfile=str(folder / "server.pem"),
        ssl_keyfile=str(folder / "server-key.pem"),
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=2048,
    )
    server = Server(config, ready=ready, description=describe(folder, world, url), parent_pid=arguments.parent_pid)
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
