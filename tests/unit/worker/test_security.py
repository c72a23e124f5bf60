"""Doors that stay shut by default."""

import json
import pickle
from typing import Any

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.message import Message

from tests.unit.worker.conftest import Installation
from worker.celery_app import create_app
from worker.configuration.service import ServiceSection
from worker.configuration.values import is_local_host


def test_everything_that_listens_stays_on_this_machine_unless_told_otherwise(installation: Installation) -> None:
    service = installation.load().service
    listening = {name: getattr(service, name) for name in ServiceSection.model_fields if name.endswith("_listen")}
    assert set(listening) >= {"api_listen", "flower_listen"}
    assert all(is_local_host(address.rpartition(":")[0]) for address in listening.values())


@pytest.mark.parametrize("kind", ["application/x-python-serialize", "application/x-yaml", "pickle"])
def test_a_pickled_message_is_never_opened(kind: str) -> None:
    conf: Any = create_app("redis://127.0.0.1:1/0", visibility_timeout_s=900, user_events=True).conf
    assert list(conf.accept_content) == ["json"]
    assert (conf.task_serializer, conf.result_serializer) == ("json", "json")
    body: Any = pickle.dumps([[], {}, {}])
    message = Message(body=body, content_type=kind, content_encoding="binary", accept={"application/json"})
    with pytest.raises(ContentDisallowed):
        message.decode()


def test_a_message_of_json_is_opened() -> None:
    message = Message(body=json.dumps([[]]), content_type="application/json", content_encoding="utf-8")
    assert message.decode() == [[]]
