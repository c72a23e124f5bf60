from hypothesis import given
from hypothesis import strategies as st

from adapters.autotask.layout import EntraIdField
from adapters.autotask.query import addresses, all_of, any_of, contact_fields, equals, marks, of_companies, questions

EXTERNAL = EntraIdField("externalID")


def test_one_company_several_and_too_many() -> None:
    assert of_companies(["250"]) == [equals("companyID", 250)]
    assert of_companies(["0"]) == [equals("companyID", 0)]
    assert of_companies(["300", "250", "250", "x"]) == [{"op": "in", "field": "companyID", "value": [250, 300]}]
    assert of_companies([str(number) for number in range(1000)]) == []


def test_everything_is_asked_for_by_a_filter_that_is_not_empty() -> None:
    assert all_of() == [{"op": "gte", "field": "id", "value": 0}]
    assert all_of(equals("a", 1)) == [equals("a", 1)]


def test_single_alternative_needs_no_group() -> None:
    assert any_of([equals("a", 1)]) == equals("a", 1)
    assert any_of([equals("a", 1), equals("b", 2)])["items"] == [equals("a", 1), equals("b", 2)]


def test_object_id_is_asked_for_in_every_spelling_but_of_a_user_defined_field() -> None:
    assert [condition["value"] for condition in marks("aB", EXTERNAL)] == ["aB", "ab", "AB"]
    assert marks("aB", EntraIdField("Entra ID")) == [{"op": "eq", "field": "Entra ID", "value": "aB", "udf": True}]


def test_address_is_asked_for_in_all_three_fields() -> None:
    fields = [condition["field"] for condition in addresses(["a@x"])]
    assert fields == ["emailAddress", "emailAddress2", "emailAddress3"]


def test_user_defined_fields_cannot_be_named_among_the_fields() -> None:
    assert contact_fields(EntraIdField("Entra ID")) is None
    names = contact_fields(EXTERNAL)
    assert names is not None
    assert len(names) == len(set(names))


@given(st.lists(st.emails(), max_size=300), st.integers(1, 300))
def test_no_question_holds_too_many_conditions_and_none_is_lost(emails: list[str], companies: int) -> None:
    where = of_companies([str(number) for number in range(companies)])
    alternatives = addresses(emails)
    asked = list(questions(where, alternatives))
    found = []
    for question in asked:
        *scope, last = question
        items = last.get("items", [last])
        assert (
            len(items) + sum(len(condition.get("value", [])) for condition in scope if condition["op"] == "in") <= 500
        )
        found += items
    assert found == alternatives
