"""One user explained in several connectors at once: one answer each, and the failing ones say why."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from adapters.errors import SyncError
from tasks import codes
from tasks.explaining import explain, failed, unexplained
from tasks.ports import Ports

__all__ = ["explain_in", "is_known"]

Json = dict[str, Any]

AT_ONCE = 8  # connectors; each waits for its vendors most of the time
INTERNAL = "an error in contact-sync itself: the log has it, please report it"

log = structlog.get_logger()


def explain_in(ports: Ports, connector_ids: Sequence[str], name: str) -> Iterator[Json]:
    """Yield what each connector knows of a user, in their order. Raises TransientError if the store is away."""
    version = ports.configuration.current_version()

    def answer(connector_id: str) -> Json:
        try:
            return explain(ports, ports.configuration.connector(connector_id, version=version), name)
        except SyncError as error:
            if error.vendor == "store":
                raise
            return failed(connector_id, error)
        except Exception:
            log.exception("explain.failed", connector_id=connector_id)
            return unexplained(connector_id, code=codes.INTERNAL_ERROR, message=INTERNAL)

    with ThreadPoolExecutor(max_workers=min(AT_ONCE, max(len(connector_ids), 1))) as threads:
        yield from threads.map(answer, connector_ids)


def is_known(answer: Json) -> bool:
    """Tell whether a connector knows this user: it is in the tenant, among the deleted, or we keep something of it."""
    return answer["found"]["where"] in ("tenant", "deleted") or bool(answer["link"] or answer["history"])
