"""What `celery -A worker.app …` refuses when it starts."""

import subprocess
from pathlib import Path

from celery.concurrency.base import BasePool

from tests.unit.worker.conftest import Installation
from worker.services import worker_service

REPOSITORY = Path(__file__).resolve().parents[3]


class GreenPool(BasePool):
    """What gevent and eventlet say of themselves; neither needs to be installed for it."""

    is_green = True


def test_pool_of_green_threads_is_refused_before_it_takes_a_message(installation: Installation) -> None:
    service = worker_service(installation.load(), pool="custom")
    environment = {
        **service.environment,
        **installation.environment,
        "CELERY_CUSTOM_WORKER_POOL": f"{__name__}:GreenPool",
    }
    ended = subprocess.run(
        service.command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "gevent, eventlet" in ended.stderr
    assert "--pool threads" in ended.stderr
    assert "Traceback" not in ended.stderr
