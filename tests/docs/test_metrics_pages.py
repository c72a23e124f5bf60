"""The pages about metrics name those that there are, with their labels; every rule asks for one that exists."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapters.store import InstanceBudget, Rate, open_store
from adapters.store.totals import RESULTS
from tasks.requesting import request_run
from tests.docs.blocks import find_blocks
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey
from worker.api.access import Access
from worker.api.serving import create_api
from worker.configuration import ApiSection

DOCS = Path(__file__).parents[2] / "ops" / "docs"
API, OPERATIONS = ((DOCS / name).read_text(encoding="utf-8") for name in ("api.md", "operations.md"))
BLOCKS = {block.name: block.text for block in find_blocks(OPERATIONS)}
OURS = re.compile(r"\bcontact_sync_([a-z_]+)(?:\{([^}]*)\})?")

Labels = dict[str, set[str]]


@pytest.fixture(scope="module")
def shown() -> dict[str, Labels]:
    """What /metrics shows when there is something of everything: by name, the labels and their values."""
    found: dict[str, Labels] = defaultdict(lambda: defaultdict(set))
    with running_valkey() as server:
        store = open_store(server.url)
        engine = Engine(store)
        engine.directory.add_users(4)
        request_run(engine.ports, "contoso", {}, trigger="schedule")
        engine.work()
        engine.psa.refuse("create_contact", times=1)
        engine.run(sync_mode="full")
        engine.run(sync_mode="full")
        InstanceBudget(store.connection, "main", lane="bulk", rate=Rate(per_minute=600), vendor="connectwise").reserve()
        store.calls.count("connectwise", "/company/contacts/{id}", None, 0.25)
        store.presence.beat()
        engine.request()
        door = Door(create_api(lambda: engine.ports, lambda: store, Access(ApiSection(), is_open=True)))
        for family in text_string_to_metric_families(door.get("/metrics").text):
            for sample in family.samples:
                labels = found[sample.name.removeprefix("contact_sync_")]
                for name, value in sample.labels.items():
                    labels[name].add(value)
        store.close()
    return found


def test_table_names_every_metric_and_its_labels(shown: dict[str, Labels]) -> None:
    table: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`[a-z_`, ]+`) \| ([a-z_,; ]*)\|", API.split("## Metrics")[1], re.MULTILINE):
        names = re.findall(r"`(\w+)`", row[0])
        labels = [{label.strip() for label in part.split(",") if label.strip()} for part in row[1].split(";")]
        table |= dict(zip(names, labels * len(names) if len(labels) == 1 else labels, strict=True))
    assert table == {name: set(labels) for name, labels in shown.items()}


@pytest.mark.parametrize("expression", sorted({each.group() for each in OURS.finditer(OPERATIONS)}))
def test_each_expression_asks_for_what_there_is(shown: dict[str, Labels], expression: str) -> None:
    asked = OURS.fullmatch(expression)
    assert asked
    assert asked[1] in shown
    values = {("vendor_calls_total", "status"): {"200", "429", "500", "none"}, ("runs_total", "result"): set(RESULTS)}
    for name, operator, wanted in re.findall(r'(\w+)(=~?)"([^"]*)"', asked[2] or ""):
        assert name in shown[asked[1]]
        known = values.get((asked[1], name), shown[asked[1]][name])
        assert any(re.fullmatch(wanted, each) if operator == "=~" else wanted == each for each in known)


def test_rules_and_scraping_are_as_prometheus_reads_them() -> None:
    (job,) = yaml.safe_load(BLOCKS["scrape"])["scrape_configs"]
    assert set(job) == {"job_name", "scrape_interval", "authorization", "static_configs"}
    (group,) = yaml.safe_load(BLOCKS["rules"])["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 9
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert "\n" not in rule["expr"], "folded, without blank lines or deeper ones"
        for label in re.findall(r'up\{(\w+)="([^"]*)"', rule["expr"]):
            assert label == ("job", job["job_name"])
