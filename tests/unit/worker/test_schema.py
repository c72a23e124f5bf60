"""The JSON Schema that editors use agrees with what the models take."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # check-jsonschema brings it, without stubs

from tests.unit.worker.conftest import Installation
from worker.configuration import load
from worker.configuration.schema import json_schema
from worker.settings import BUILT_IN

EXAMPLES = Path(__file__).parents[3] / "ops" / "examples"
SECRETS = {"CONTACT_SYNC_FLOWER_AUTH": "a:long-password"} | dict.fromkeys(
    ("GRAPH_SECRET", "CW_PUBLIC", "CW_PRIVATE", "CW_CLIENT_ID"), "x"
)


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    found = json_schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def faults(schema: Draft202012Validator, text: str) -> list[str]:
    return [".".join(str(part) for part in fault.absolute_path) for fault in schema.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("**/*.toml")), ids=lambda path: path.name)
def test_example_fits_the_schema(schema: Draft202012Validator, path: Path) -> None:
    assert faults(schema, path.read_text(encoding="utf-8")) == []


def test_example_of_the_readme_loads_once_its_secrets_are_there() -> None:
    path = EXAMPLES / "contact-sync.toml"
    settings = load(path, environment=SECRETS, built_in=BUILT_IN)
    connector = settings.connectors["contoso"]
    assert settings.service.development is False
    assert (connector.schedule, connector.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert [rule.name for rule in connector.exclude] == ["service accounts"]


def test_lines_that_the_example_offers_work_when_their_mark_is_taken_away(installation: Installation) -> None:
    head, own = (EXAMPLES / "contact-sync.toml").read_text(encoding="utf-8").split("[connectors.contoso]")
    offered = [line.removeprefix("# ") for line in own.splitlines()]
    installation.write("\n".join([head, "[connectors.contoso]", *offered]))
    installation.environment = SECRETS
    connector = installation.load().connectors["contoso"]
    assert connector.office365_sync_enabled is False
    assert [rule.name for rule in connector.exclude] == ["meeting rooms", "service accounts"]
    assert connector.company_ids == ("250", "251")
    assert connector.field_mapping["department"].update == "if_empty"


def test_good_configuration_fits(schema: Draft202012Validator, installation: Installation) -> None:
    installation.add("tags = [{ env = 'TAG' }]\nfull_every = '3d'\nfield_mapping.phone = '{{ user.mobilePhone }}'")
    assert faults(schema, installation.path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[servcie]", ""),
        ("[service]\nthreads = 3", "service"),
        ("[service.workers]\npool = 'gevent'", "service.workers.pool"),
        ("[connectors.x]\nschedule = '* * * * *'", "connectors.x"),
        ("[defaults]\non_leaver = 'delete'", "defaults.on_leaver"),
        ("[defaults]\ntags = 'x'", "defaults.tags"),
        ("[defaults]\npsa = { env = 'A', default = 'x' }", "defaults.psa"),
        ("[psa.'a b']\nkind = 'halo'", "psa"),
    ],
)
def test_what_the_models_refuse_the_schema_refuses(schema: Draft202012Validator, text: str, place: str) -> None:
    assert place in faults(schema, text)


def test_every_key_says_what_it_is_for() -> None:
    def silent(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        named = node.get("properties", {})
        return [f"{path}.{key}" for key, value in named.items() if not value.get("description")] + [
            found for key, value in node.items() for found in silent(value, f"{path}.{key}")
        ]

    definitions = {name: node for name, node in json_schema()["$defs"].items() if name != "Reference"}
    assert silent(definitions, "") == []
