"""The page on the configuration: its examples are read, its tables are whole and say what happens."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.graph.mapping import map_user
from adapters.records import User
from tasks.default_mappings import DEFAULT_MAPPINGS
from tasks.expressions.compiled import compile_condition, compile_template
from tasks.expressions.language import FIELDS, build_environment
from tests.docs.blocks import find_blocks
from tests.docs.installation import ROOT
from tests.unit.worker.installation import ENVIRONMENT, MAIN
from worker.configuration import Settings, load
from worker.configuration.connectors import READY_MADE_EXCLUSIONS, ConnectorSection
from worker.settings import BUILT_IN

PAGE = (ROOT / "ops/docs/configuration.md").read_text(encoding="utf-8")
BLOCKS = {block.name: block.text for block in find_blocks(PAGE)}


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose head begins with this cell, without code marks and escapes."""
    lines = iter(PAGE.splitlines())
    next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            return rows
        rows.append([_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def _plain(cell: str) -> str:
    return cell.strip().strip("`").replace("\\|", "|")


@pytest.fixture(scope="module")
def user() -> User:
    facts: dict[str, Any] = json.loads(BLOCKS["user"])
    return map_user({"id": "00000000-0000-0000-0000-000000000000", **facts})


@pytest.mark.parametrize("row", table("filter"), ids=lambda row: row[0])
def test_filter_does_what_the_page_says(user: User, row: list[str]) -> None:
    name, example, result = row
    assert re.search(rf"\| {name}\b", example)
    assert compile_template(f"{{{{ {example} }}}}")(user) == result


@pytest.mark.parametrize("row", table("test"), ids=lambda row: row[0])
def test_test_does_what_the_page_says(user: User, row: list[str]) -> None:
    name, example, result = row
    assert name in example
    assert str(compile_condition(example)(user)).lower() == result


def test_every_filter_test_and_property_is_on_the_page() -> None:
    environment = build_environment()
    assert {row[0] for row in table("filter")} == set(environment.filters)
    assert {row[0] for row in table("test")} == set(environment.tests)
    listed = PAGE[PAGE.index("`user` has these properties:") : PAGE.index("A value that is missing")]
    assert {*re.findall(r"`(\w+)`", listed)} - {"user", "extensionAttribute1", "extensionAttribute15"} == set(FIELDS)


def test_ready_made_rules_are_those_that_there_are() -> None:
    assert dict(table("name")) == READY_MADE_EXCLUSIONS


def test_default_mapping_is_the_one_of_each_kind() -> None:
    told: dict[str, dict[str, str]] = {kind: {} for kind in DEFAULT_MAPPINGS}
    for field, template, kinds in table("field"):
        for kind in kinds.split(", "):
            told[kind][field] = template
    assert told == DEFAULT_MAPPINGS


def test_policies_are_those_that_there_are() -> None:
    assert [row[0] for row in table("`update`")] == ["always", "source_changed", "if_empty", "on_create", "never"]


def test_keys_of_a_customer_are_those_that_there_are() -> None:
    told = {name.strip("` ") for row in table("key") for name in row[0].split(",")}
    assert told == set(ConnectorSection.model_fields)


def loaded(folder: Path, *names: str) -> Settings:
    path = folder / "contact-sync.toml"
    path.write_text(MAIN + "\n".join(BLOCKS[name] for name in names))
    return load(path, environment=ENVIRONMENT, built_in=BUILT_IN)


def test_example_of_a_customer_is_what_the_page_says(tmp_path: Path, user: User) -> None:
    fabrikam = loaded(tmp_path, "customer").connectors["fabrikam"]
    assert [rule.name for rule in fabrikam.exclude] == ["shared mailboxes", "trainees"]
    assert [rule.company_id for rule in fabrikam.company_rules] == ["261", "262"]
    assert compile_template(fabrikam.field_mapping["phone"].value)(user) == "+4930123456"
    assert fabrikam.field_mapping["job_title"].update == "source_changed"
    department = fabrikam.field_mapping["department"]
    assert (department.value, department.update) == ("{{ user.department }}", "if_empty")


def test_example_of_the_defaults_is_what_the_page_says(tmp_path: Path) -> None:
    adatum = loaded(tmp_path, "defaults").connectors["adatum"]
    assert adatum.psa_default_company_id == "270"
    assert [rule.name for rule in adatum.exclude] == ["service accounts"]


def test_example_of_communication_types_is_read(tmp_path: Path) -> None:
    psa = loaded(tmp_path, "communication").psas["main"]
    assert psa.model_dump()["communication_types"] == {"phone": "Office", "mobile_phone": "Handy"}
