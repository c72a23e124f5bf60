"""Explanations over HTTP: the same answers as by the command, and no token sees another's customers."""

from http import HTTPStatus
from typing import Any

import pytest

from adapters.errors import TenantError, TransientError
from adapters.store import Store
from tasks.explaining import explain
from tests.fakes.directory import FakeDirectory
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from worker.api.access import Access
from worker.api.explanations import EXAMPLE
from worker.api.serving import create_api
from worker.configuration import ApiSection

PATH = "/v1/users/jane@contoso.com/explanation"
TOKENS = {
    "reader": {"token": "reader-token-0123456789", "allow": "read"},
    "other": {"token": "other-token-0123456789", "connectors": ("fabrikam",)},
}
READER = {"Authorization": "Bearer reader-token-0123456789"}
OTHER = {"Authorization": "Bearer other-token-0123456789"}
SECOND_TENANT = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def second() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
def engine(store: Store, second: FakeDirectory) -> Engine:
    engine = Engine(store)
    engine.directory.add_user("jane", business_phones=("+49 30 1",))
    engine.psa.add_company("260", "Fabrikam")
    engine.add_connector("fabrikam", second, tenant_id=SECOND_TENANT, psa_default_company_id="260")
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    access = Access(ApiSection.model_validate({"tokens": TOKENS}))
    return Door(create_api(lambda: engine.ports, lambda: engine.store, access))


def answers(door: Door, path: str = PATH, **headers: str) -> dict[str, Any]:
    answer = door.get(path, headers=headers or READER)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return {row["connector"]: row for row in answer.json()["explanations"]}


def test_every_connector_answers(door: Door, engine: Engine) -> None:
    engine.run()
    found = answers(door)
    assert list(found) == ["contoso", "fabrikam"]
    assert found["contoso"]["history"][0]["kind"] == "created"
    assert found["fabrikam"]["found"]["where"] == "nowhere"
    expected = explain(engine.ports, engine.connector(), "jane@contoso.com")
    assert found["contoso"] | {"read_at": ""} == expected | {"read_at": ""}


def test_connectors_are_chosen_and_each_answers_once(door: Door) -> None:
    assert list(answers(door, f"{PATH}?connector=fabrikam&connector=fabrikam")) == ["fabrikam"]


def test_restricted_token_sees_its_own_connectors_only(door: Door) -> None:
    assert list(answers(door, **OTHER)) == ["fabrikam"]
    for name in ("contoso", "nobody"):
        refused = door.get(f"{PATH}?connector={name}", headers=OTHER)
        assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
    assert door.get(PATH).status_code == HTTPStatus.UNAUTHORIZED


def test_connector_that_fails_says_why_and_the_others_go_on(door: Door, second: FakeDirectory) -> None:
    second.fail("fetch_user", TenantError("consent_missing", vendor="graph"))
    found = answers(door)
    assert found["fabrikam"]["failure"]["code"] == "PermissionDenied"
    assert found["fabrikam"]["now"] is None
    assert found["contoso"]["now"]["action"] == "create"


def test_mistake_of_ours_is_one_connectors_failure(
    door: Door, second: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(second, "fetch_user", broken)
    found = answers(door)
    assert found["fabrikam"]["failure"]["code"] == "InternalError"
    assert found["contoso"]["failure"] is None


def test_store_that_is_away_is_a_problem_of_the_call(door: Door, second: FakeDirectory) -> None:
    second.fail("fetch_user", TransientError("unreachable", vendor="store"))
    assert door.get(PATH, headers=READER).status_code == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("name", ["%20", "x" * 321])
def test_name_that_cannot_be_one_is_refused(door: Door, name: str) -> None:
    assert door.get(f"/v1/users/{name}/explanation", headers=READER).status_code == 422


def test_example_in_the_document_has_the_shape_of_an_answer(door: Door, engine: Engine) -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(each) for name, each in value.items()}
        return [shape(value[0])] if isinstance(value, list) and value else "value"

    engine.run()
    engine.directory.change_user(next(iter(engine.directory.users)), job_title="Buyer")
    real = answers(door)["contoso"]
    real["guard"]["within_a_day"] = EXAMPLE["guard"]["within_a_day"]
    assert shape(real) == shape(EXAMPLE)
