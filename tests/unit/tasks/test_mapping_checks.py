from adapters.records import PsaSchema
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
