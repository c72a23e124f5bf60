"""The notification door in a process of its own: `python -m tests.integration.door_service`."""

import uvicorn
from fastapi import FastAPI

from tasks.publishing import CeleryPublisher
from worker.api.notifications import notification_router
from worker.celery_app import create_app
from worker.compose import build_ports, open_store, redis_url_of
from worker.settings import load_settings


def main() -> None:
    settings = load_settings()
    timeout_s = settings.service.timing.visibility_timeout_s
    celery = create_app(redis_url_of(settings), visibility_timeout_s=timeout_s, user_events=True)
    ports = build_ports(settings, open_store(settings), publisher=CeleryPublisher(celery))
    app = FastAPI()
    app.include_router(notification_router(lambda: ports))
    host, _, port = settings.service.api_listen.rpartition(":")
    uvicorn.run(app, host=host, port=int(port), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
