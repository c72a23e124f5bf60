import pickle
from collections.abc import Callable
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import USER_PROPERTIES, User
from tasks.expressions.compiled import ExpressionError, compile_condition, compile_template
from tests.unit.tasks.makers import make_user

NOBODY = User(id="00000000-0000-4000-8000-000000000009")


@pytest.mark.parametrize(
    ("condition", "user", "holds"),
    [
        ("user.department in ['Sales', 'IT']", {"department": "IT"}, True),
        ("user.department in ['Sales', 'IT']", {"department": None}, False),
        ("user.department not in ['Sales']", {"department": None}, True),
        ("user.department == 'Sales'", {"department": "sales"}, False),
        ("user.department | fold == 'sales'", {"department": " SALES "}, True),
        ("user.userPrincipalName is match('^svc[-_.]')", {"user_principal_name": "SVC-backup@contoso.com"}, True),
        ("user.userPrincipalName is match('svc')", {"user_principal_name": "a.svc@contoso.com"}, False),
        ("user.userPrincipalName is match('^svc[-_.]')", {"user_principal_name": None}, False),
        ("user.displayName is search('room')", {"display_name": "Large ROOM 4"}, True),
        ("user.displayName is search('room')", {"display_name": None}, False),
        ("user.mail is startswith('Ann')", {}, True),
        ("user.mail is endswith('@CONTOSO.com')", {}, True),
        ("user.mail is endswith('@contoso.com')", {"mail": None}, False),
        ("user.jobTitle is containing('buy')", {}, True),
        ("user.jobTitle.startswith('Buy')", {"job_title": None}, False),
        ("'uy' in user.jobTitle", {}, True),
        ("'uy' in user.jobTitle", {"job_title": None}, False),
        ("user.surname is none", {"surname": None}, True),
        ("user.surname == none", {"surname": None}, True),
        ("user.surname is not blank", {"surname": "  "}, False),
        ("user.surname is defined", {"surname": None}, False),
        ("user.createdDateTime < '2024'", {"created_date_time": "2023-01-01T00:00:00Z"}, True),
        ("user.createdDateTime < '2024'", {}, False),
        ("user.createdDateTime >= '2024'", {}, False),
        ("user.assignedLicenses", {"assigned_licenses": ("sku-1",)}, True),
        ("not user.assignedLicenses", {}, True),
        ("'sku-1' in user.assignedLicenses", {"assigned_licenses": ("sku-1",)}, True),
        ("user.businessPhones | first is startswith('+49')", {"business_phones": ()}, False),
        ("user.otherMails | length > 1", {"other_mails": ("a@x", "b@x")}, True),
        (
            "user.onPremisesExtensionAttributes.extensionAttribute1 == 'yes'",
            {"on_premises_extension_attributes": {"extensionAttribute1": "yes"}},
            True,
        ),
        ("user.onPremisesExtensionAttributes.extensionAttribute15 == 'yes'", {}, False),
        ("user.onPremisesSyncEnabled", {"on_premises_sync_enabled": None}, False),
        ("user.accountEnabled == true", {}, True),
        ("true", {}, True),
    ],
)
def test_condition_answers_as_it_reads(condition: str, user: dict[str, object], *, holds: bool) -> None:
    assert compile_condition(condition)(make_user(**user)) is holds


@pytest.mark.parametrize(
    ("template", "user", "text"),
    [
        ("{{ user.jobTitle }}", {"job_title": "  Buyer "}, "Buyer"),
        ("{{ user.jobTitle }}", {"job_title": None}, ""),
        ("{{ user.businessPhones | first }}", {}, "+49 30 1234567"),
        ("{{ user.businessPhones | first }}", {"business_phones": ()}, ""),
        ("{{ user.businessPhones[0] }}", {"business_phones": ()}, ""),
        ("Employee", {}, "Employee"),
        ("", {}, ""),
        ("{{ user.givenName }} {{ user.surname }}", {"given_name": None}, "Example"),
        ("{{ user.givenName ~ ' ' ~ user.surname }}", {"surname": None}, "Ann"),
        ("{{ user.surname | default('-') }}", {"surname": None}, "-"),
        ("{{ user.surname | default('-') }}", {"surname": " "}, "-"),
        ("{{ user.surname or '-' }}", {"surname": None}, "-"),
        ("{{ user.accountEnabled }}", {}, "True"),
        ("{{ 'guest' if user.userType == 'Guest' }}", {}, ""),
        ("{{ user.mail.split('@')[0] }}", {"mail": None}, ""),
        ("{{ user.mail.split('@')[5] }}", {}, ""),
        ("{{ user.surname | title_case }}", {"surname": "O'BRIEN-smith"}, "O'Brien-Smith"),
        ("{{ user.surname | title_case }}", {"surname": "McDonald"}, "McDonald"),
        ("{{ user.surname | title_case }}", {"surname": None}, ""),
        ("{{ user.mail | fold }}", {"mail": " Ann@Contoso.COM"}, "ann@contoso.com"),
        ("{{ user.employeeId | digits }}", {"employee_id": "E-10 01"}, "1001"),
        ("{{ user.jobTitle | truncate_chars(3) }}", {}, "Buy"),
        ("{{ user.mobilePhone | phone_e164('DE') }}", {"mobile_phone": "0170 1234567"}, "+491701234567"),
        ("{{ user.mobilePhone | phone_e164(user.usageLocation) }}", {"mobile_phone": "0170 1"}, "0170 1"),
        ("{{ user.mobilePhone | phone_e164 }}", {"mobile_phone": None}, ""),
        ("{{ user.mobilePhone | phone_national('DE') }}", {"mobile_phone": "+491701234567"}, "0170 1234567"),
        (
            "{{ user.proxyAddresses | first_alias }}",
            {
                "proxy_addresses": (
                    "SIP:ann@contoso.com",
                    "SMTP:ann@contoso.com",
                    "smtp:ann@contoso.mail.onmicrosoft.com",
                    "smtp:a.example@contoso.com",
                )
            },
            "a.example@contoso.com",
        ),
        ("{{ user.proxyAddresses | first_alias }}", {"proxy_addresses": ("SMTP:ann@contoso.com",)}, ""),
        ("{% for p in user.businessPhones %}{{ p }};{% endfor %}", {"business_phones": ("1", "2")}, "1;2;"),
    ],
)
def test_template_renders_text_and_null_as_nothing(template: str, user: dict[str, object], text: str) -> None:
    assert compile_template(template)(make_user(**user)) == text


@pytest.mark.parametrize("name", USER_PROPERTIES)
def test_every_property_can_be_asked_and_is_empty_for_a_bare_user(name: str) -> None:
    assert compile_condition(f"user.{name} is blank")(NOBODY) is (name not in ("id", "onPremisesExtensionAttributes"))


@pytest.mark.parametrize(
    ("template", "reason", "suggestion"),
    [
        ("{{ user.departmnt }}", "user.departmnt", "user.department"),
        ("{{ user['mial'] }}", "user.mial", "user.mail"),
        ("{{ user.model_dump }}", "user.model_dump", None),
        ("{{ department }}", "department", "user.department"),
        ("{{ range(3) }}", "range", None),
        ("{{ user }}", "`user` alone", "user.mail"),
        ("{% set u = user %}{{ u.departmnt }}", "`user` alone", None),
        ("{{ user[user.mail] }}", "`user` alone", None),
        ("{{ user.mail | uper }}", "filter 'uper'", "upper"),
        ("{{ user.mail | random }}", "filter 'random'", None),
        ("{{ user.mail is mach('x') }}", "test 'mach'", "match"),
        ("{{ user.mail.spilt('@') }}", "spilt", None),
        ("{{ user.mail.__class__ }}", "unsafe", None),
        (
            "{{ user.onPremisesExtensionAttributes.extensionAttribute16 }}",
            "extensionAttribute16",
            "extensionAttribute1",
        ),
        ("{{ user.onPremisesExtensionAttributes }}", "no text", None),
        ("{{ user.businessPhones }}", "a list", None),
        ("{{ user.mail.lower }}", "parentheses", None),
        ("{{ user.displayName + 'x' }}", "~", None),
        ("{{ user.mail", "end of template", None),
        ("{% include 'x' %}", "loader", None),
        ("{{ 1 / 0 }}", "division", None),
    ],
)
def test_wrong_template_is_refused_when_compiled(template: str, reason: str, suggestion: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(template)
    assert caught.value.text == template
    assert reason in caught.value.reason
    assert suggestion is None or suggestion in (caught.value.suggestion or "")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("user.department = 'Sales'", "chunk after expression"),
        ("{{ user.department }}", "bare expression"),
        ("'Sales'", "constant"),
        ("", "end of template"),
        ("user.mail is match('(')", "unterminated subpattern"),
        ("user.mail is match", "pattern"),
        ("user.mail == 'x' }}{{ user.departmnt", "bare expression"),
        ("user.departmnt == 'Sales'", "user.departmnt"),
        ("user.surname is none and user.departmnt", "user.departmnt"),
    ],
)
def test_wrong_condition_is_refused_when_compiled(condition: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_condition(condition)
    assert reason in caught.value.reason


def test_assignment_suggests_a_comparison() -> None:
    with pytest.raises(ExpressionError, match="compare with =="):
        compile_condition("user.department = 'Sales'")


def test_fault_that_only_some_users_cause_raises_when_called() -> None:
    condition = compile_condition("10 / (user.displayName | length - 7) > 1")
    with pytest.raises(ExpressionError) as caught:
        condition(make_user(display_name="7 chars"))
    assert "division" in caught.value.reason


def test_template_names_the_properties_that_it_reads() -> None:
    template = compile_template("{{ user.givenName or user.displayName }} {{ user.businessPhones | first }}")
    assert template.properties == {"given_name", "display_name", "business_phones"}
    assert compile_template("{{ user.mail }}").properties == {"mail"}


def test_error_survives_pickling() -> None:
    error = ExpressionError("x", "reason", "suggestion")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.text, again.reason, again.suggestion, str(again)) == ("x", "reason", "suggestion", str(error))


@pytest.mark.parametrize("text", ["{{ user.jobTitle }}", "{{ user.businessPhones | first }}", "constant"])
def test_plain_template_does_not_pay_for_jinja(text: str) -> None:
    user, plain, through_jinja = make_user(), compile_template(text), compile_template(text + "{{ '' }}")
    assert plain(user) == through_jinja(user)
    assert best_time(lambda: plain(user)) * 3 < best_time(lambda: through_jinja(user))


def best_time(call: Callable[[], object]) -> float:
    return min(repeat(call, number=500, repeat=5))


@given(st.text(), st.text())
def test_text_of_a_user_is_never_taken_for_a_template(given_name: str, surname: str) -> None:
    user = make_user(given_name=given_name, surname="{{ user.mail }}" + surname)
    assert compile_template("{{ user.givenName }}|{{ user.surname }}")(user) == f"{given_name}|{user.surname}".strip()
