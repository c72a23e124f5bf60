import pytest

from adapters.records import FieldSpec, PsaSchema
from tasks.connector import FieldRule
from tasks.default_mappings import default_mapping
from tasks.mapping_checks import check_mapping
from tests.unit.tasks.makers import SCHEMA, make_connector


def test_sound_connector_has_no_problems() -> None:
    connector = make_connector(psa_contact_type="User")
    assert check_mapping(connector, SCHEMA) == []


def test_field_that_the_psa_lacks_is_named_with_the_likely_one() -> None:
    rules = default_mapping("connectwise") | {"job_titel": FieldRule(value="x"), "zzz": FieldRule(value="x")}
    problems = check_mapping(make_connector(field_mapping=rules), SCHEMA)
    assert len(problems) == 2
    assert "did you mean job_title?" in problems[0]
    assert "first_name" in problems[1]


def test_required_field_without_a_rule_is_a_problem_unless_it_is_derived() -> None:
    rules = {
        "email": FieldRule(value="{{ user.mail }}"),
        "last_name": FieldRule(value="{{ user.surname }}", update="never"),
    }
    schema = PsaSchema(
        fields=tuple(spec.model_copy(update={"required": spec.name.endswith("_name")}) for spec in SCHEMA.fields)
    )
    problems = check_mapping(make_connector(field_mapping=rules), schema)
    assert [problem.split(":")[0] for problem in problems] == ["field_mapping.last_name"]


def test_unknown_contact_type_is_a_problem_where_there_are_contact_types() -> None:
    connector = make_connector(psa_contact_type="Boss")
    assert [problem.split(":")[0] for problem in check_mapping(connector, SCHEMA)] == ["psa_contact_type"]
    assert check_mapping(connector, PsaSchema(fields=SCHEMA.fields)) == []


def test_contact_type_of_a_psa_whose_contacts_have_none_says_what_to_configure() -> None:
    schema = PsaSchema(fields=SCHEMA.fields, contact_type_hint="name a field")
    [problem] = check_mapping(make_connector(psa_contact_type="Employee"), schema)
    assert problem == "psa_contact_type: this PSA's contacts have no type; name a field"
    assert check_mapping(make_connector(psa_contact_type=None), schema) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("email", "{{ user.displayName }}", "makes no e-mail address of a user's properties, but 'First Last'"),
        ("phone", "{{ user.jobTitle }}", "makes no phone number"),
        ("department", "Sals", "the PSA has no department 'Sals'; did you mean 'Sales'?"),
        ("last_name", "a name for everybody", "is 20 characters long for everybody, and the PSA takes 10"),
    ],
)
def test_template_whose_result_the_field_does_not_take_is_told(name: str, value: str, said: str) -> None:
    (problem,) = check_mapping(make_connector(field_mapping={name: FieldRule(value=value)}), TYPED)
    assert problem.startswith(f"field_mapping.{name}: ")
    assert said in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "{{ user.mail }}"),
        ("phone", "{{ user.businessPhones | first | phone_national('DE') }}"),
        ("department", "SALES"),
        ("department", "{{ user.city }}"),
        ("last_name", "{{ user.displayName }}{{ user.displayName }}"),
        ("email", ""),
    ],
)
def test_template_whose_result_may_fit_is_left_alone(name: str, value: str) -> None:
    assert check_mapping(make_connector(field_mapping={name: FieldRule(value=value)}), TYPED) == []


TYPED = PsaSchema(
    fields=(
        FieldSpec(name="email", kind="email"),
        FieldSpec(name="phone", kind="phone"),
        FieldSpec(name="department", kind="reference", choices=("Sales", "IT")),
        FieldSpec(name="last_name", kind="text", max_length=10),
    )
)
