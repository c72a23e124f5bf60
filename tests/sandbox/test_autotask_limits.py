"""Autotask PSA's limits of the hour and of requests at once, and faults in its words."""

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.sandbox.harness import Sandbox
from tests.sandbox.test_autotask import COMPANY, look_up_zone, post


def test_the_hour_is_counted_told_and_refused(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"autotask": {"per_hour": 100, "used": 20}})
    sandbox.autotask("/Companies/0")
    usage = sandbox.autotask("/ThresholdInformation").json()
    assert usage == {
        "externalRequestThreshold": 100,
        "requestThresholdTimeframe": 60,
        "currentTimeframeRequestCount": 22,
    }
    sandbox.control("POST", "limits", {"autotask": {"per_hour": 100, "used": 100}})
    answer = sandbox.autotask("/Companies/0")
    assert answer.status_code == 429
    assert "threshold" in answer.json()["errors"][0]
    assert 3500 <= int(answer.headers["Retry-After"]) <= 3601
    assert look_up_zone(sandbox).status_code == 200


def test_answers_come_late_under_load(sandbox: Sandbox) -> None:
    def seconds(used: int) -> float:
        sandbox.control("POST", "limits", {"autotask": {"per_hour": 1000, "used": used}})
        begun = time.monotonic()
        assert sandbox.autotask("/Companies/0").status_code == 200
        return time.monotonic() - begun

    assert seconds(500) >= 0.5
    assert seconds(750) >= 1.0
    sandbox.control("POST", "settings", {"autotask.slow_under_load": False})
    sandbox.control("POST", "limits", {"autotask": {"per_hour": 1000, "used": 750}})
    assert sandbox.control("GET", "limits")["autotask"] == {"per_hour": 1000, "threads": 0, "used": 750}


def test_three_at_once_at_an_endpoint_and_no_more(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"autotask": {"threads": None}, "latency_ms": 300})
    paths = ["/Contacts/30001"] * 5 + ["/Companies/250"] * 3
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(sandbox.autotask, paths))
    refused = [answer for answer in answers[:5] if answer.status_code == 429]
    assert len(refused) == 2
    assert "thread threshold of 3 threads has been exceeded" in refused[0].json()["errors"][0]
    assert "Retry-After" not in refused[0].headers
    assert [answer.status_code for answer in answers[5:]] == [200, 200, 200]


def test_a_thread_can_linger_after_its_answer(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"autotask": {"threads": 1}})
    sandbox.control("POST", "settings", {"autotask.thread_linger_s": 0.5, "autotask.thread_status": 500})
    assert [sandbox.autotask("/Companies/0").status_code for _ in range(2)] == [200, 500]
    time.sleep(1.1)
    assert sandbox.autotask("/Companies/0").status_code == 200


def test_faults_in_the_vendors_words(sandbox: Sandbox) -> None:
    match = {"vendor": "autotask"}
    sandbox.add_fault("status", match=match, status=200, body={"errors": ["Something went wrong."]})
    sandbox.add_fault("429", match=match, retry_after="http-date", seconds=300)
    sandbox.add_fault("status", match=match, status=503)
    sandbox.add_fault("empty_page", match=match)
    inside, later, broken, empty = (sandbox.query("Contacts", COMPANY) for _ in range(4))
    assert (inside.status_code, inside.json()) == (200, {"errors": ["Something went wrong."]})
    assert parsedate_to_datetime(later.headers["Retry-After"]).tzinfo is not None
    assert "errors" in broken.json()
    assert empty.json()["items"] == []
    body = {"filter": [COMPANY]}
    again = sandbox.autotask(empty.json()["pageDetails"]["nextPageUrl"], method="POST", json=body)
    assert len(again.json()["items"]) == 249
    sandbox.add_fault("missing_items", match=match, count=2)
    assert len(sandbox.query("Contacts", COMPANY).json()["items"]) == 247
    sandbox.add_fault("count_lag", match=match, by=-3)
    assert sandbox.autotask("/Contacts/query/count", method="POST", json=body).json() == {"queryCount": 246}


def test_a_lost_answer_was_applied(sandbox: Sandbox) -> None:
    sandbox.add_fault("lost_answer", match={"vendor": "autotask", "method": "POST", "path": "/Contacts$"})
    with pytest.raises(httpx.RemoteProtocolError):
        post(sandbox)
    [write] = sandbox.writes()
    assert (write["vendor"], write["method"], write["company_id"]) == ("autotask", "create", 250)
