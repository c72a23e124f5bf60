from tests.fakes.engine import make_connector
from worker.cli.overlapping import overlaps

BY_RULE = ({"when": "user.mail", "company_id": "251"},)


def test_connector_alone_meets_nobody() -> None:
    assert list(overlaps(make_connector(), [make_connector()])) == []


def test_company_of_a_rule_counts_as_much_as_the_default_one() -> None:
    other = make_connector("fabrikam", tenant_id="another", company_rules=BY_RULE, psa_default_company_id="7")
    mine = make_connector(psa_default_company_id="251")
    ((what, verdict, detail),) = overlaps(mine, [mine, other])
    assert (what, verdict) == ("company, doubly mapped", "warning")
    assert "fabrikam" in detail


def test_same_number_in_another_psa_is_another_company() -> None:
    other = make_connector("fabrikam", tenant_id="another", psa="second")
    assert list(overlaps(make_connector(), [other])) == []


def test_one_tenant_in_two_psas_is_said() -> None:
    found = list(overlaps(make_connector(), [make_connector("again", psa="second", psa_default_company_id="9")]))
    assert [what for what, *_ in found] == ["tenant, doubly mapped"]


def test_users_without_a_company_are_said() -> None:
    assert [each[:2] for each in overlaps(make_connector(psa_default_company_id=None), [])] == [
        ("unmapped tenant", "failed")
    ]
    by_rule = make_connector(psa_default_company_id=None, company_rules=BY_RULE)
    assert [each[:2] for each in overlaps(by_rule, [])] == [("unmapped users", "warning")]
