"""Situations of single users, each by its real cause on the sandbox: one installation, three runs, many people.

The first run meets new users beside contacts that were there before; the second one what happened since; the third one,
which is incremental, whatever the second left. ops/docs/what-happens-when.md names these tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.stack import Json, Stack, running_stack, wait_for
from tests.integration.story import ANOTHER_COMPANY, DOMAIN, Story, Told, mail_of, only

RUN_S = 90
GONE_ID = "00000000-0000-4000-8000-00000000dead"
SETTINGS = """\
guard.creations = { absolute = 1000, small_absolute = 1000 }
guard.rewrites = { absolute = 1000, small_absolute = 1000 }
field_mapping.job_title = { value = "{{ user.jobTitle }}", update = "source_changed" }
field_mapping.phone = { value = "{{ user.businessPhones | first }}", clear = true }

[[connectors.demo.exclude]]
name = "shared mailboxes"
when = "not user.assignedLicenses and user.surname is none and user.jobTitle == 'Mailbox'"

[[connectors.demo.exclude]]
name = "unlicensed"
when = "user.officeLocation == 'Licensed once' and not user.assignedLicenses"

[[connectors.demo.company_rules]]
when = "user.officeLocation == 'Nowhere'"
company_id = "9999"
"""
LICENCE = [{"skuId": "6fd2c87f-b296-42f0-b197-1e91e994b900", "disabledPlans": []}]


class Lived(NamedTuple):
    """The story, and what each run told."""

    story: Story
    first: Told
    second: Told
    third: Told
    contacts: dict[str, str]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder: Path = tmp_path_factory.mktemp("situations")
    with running_stack(folder, users=5, connectors={"demo": SETTINGS}) as stack:
        stack.start_worker()
        wait_for(lambda: len(stack.store.presence.living()) == 1, timeout_s=60, what=stack.log)
        story = Story(stack)
        contacts = arrange(story)
        dry = stack.run(sync_mode="full", dry_run=True, timeout_s=RUN_S)
        fault_writes(stack)
        first = Told(stack.run(sync_mode="full", timeout_s=RUN_S))
        first.report["dry"] = dry
        stack.control.delete("faults")
        contacts |= {name: str(row["contact"]) for name in story.users if "contact" in (row := first.of(name))}
        let_things_happen(story, contacts)
        second = Told(stack.run(sync_mode="full", timeout_s=RUN_S))
        story.change("married", jobTitle="Director")
        story.change("edited.title", jobTitle="Director")
        third = Told(stack.run(timeout_s=RUN_S))
        yield Lived(story, first, second, third, contacts)


def fault_writes(stack: Stack) -> None:
    creation = {"vendor": "connectwise", "method": "POST", "path": "/company/contacts$"}
    refusal = {
        "code": "InvalidObject",
        "message": "contact object is invalid",
        "errors": [
            {"code": "Duplicate", "message": "Duplicate contact email", "resource": "contact", "field": "email"}
        ],
    }
    stack.fault("status", match={**creation, "body": "refused.new@"}, times=None, status=400, body=refusal)
    stack.fault("lost_answer", match={**creation, "body": "lost.answer@"}, times=1)


def arrange(story: Story) -> dict[str, str]:
    """Let people and contacts be there before the first run; return contacts by name."""
    user, contact = story.user, story.contact
    contacts: dict[str, str] = {}
    user("prince", surname=None)
    user("no.given", givenName=None, displayName="Reception Berlin")
    user("no.phone", businessPhones=[], mobilePhone=None)
    user("only.mobile", businessPhones=[], mobilePhone="+49 151 5550111")
    user("long.title", jobTitle="x" * 120)  # Graph itself takes 128
    user("siobhan.o'brien", surname="O'Brien")
    user("ann+team")
    user("emoji", givenName="Mia 🦄", surname="Zoe\u0308", jobTitle="Key\x00holder")
    user("formula", surname='=HYPERLINK("x")')
    user("upper", mail=mail_of("upper").upper())
    contacts["upper"] = contact("upper", firstName="Given", lastName="Upper")
    for number in (1, 2):
        user(f"pair{number}", mail=mail_of("pair"), proxyAddresses=[f"SMTP:{mail_of('pair')}"])
    user("guest", userType="Guest")
    user("external", userPrincipalName=f"external_partner.example#EXT#@{DOMAIN}", mail="external@partner.example")
    user("disabled", accountEnabled=False)
    user("no.mail", mail=None, proxyAddresses=[])
    user("mailbox", surname=None, jobTitle="Mailbox", assignedLicenses=[])
    user("svc-backup")
    user("mal.formed", mail="malformed.contoso.example")
    user("too.long", mail="l" * 250 + "@too-long.example")
    user("strange.department", department="Facilities")
    user("two.candidates")
    contacts |= {f"candidate{n}": contact("two.candidates", firstName=f"Two{n}", lastName="X") for n in (1, 2)}
    user("was.inactive")
    contacts["was.inactive"] = contact("was.inactive", firstName="Given", lastName="Was.Inactive", inactiveFlag=True)
    user("foreign.id")
    contacts["foreign.id"] = contact("foreign.id", firstName="G", lastName="F", userDefinedField10="LEGACY-7")
    user("gone.id")
    contacts["gone.id"] = contact("gone.id", firstName="G", lastName="G", userDefinedField10=GONE_ID)
    user("namesake", givenName="Nora", surname="Namesake")
    contacts["namesake"] = contact(None, firstName="nora", lastName="NAMESAKE")
    user("aliased", proxyAddresses=[f"SMTP:{mail_of('aliased')}", f"smtp:{mail_of('family')}"])
    contacts["family"] = contact("family", firstName="Other", lastName="Surname")
    user("elsewhere")
    contacts["foreign company"] = contact("elsewhere", company=ANOTHER_COMPANY, firstName="Given", lastName="Elsewhere")
    user("nowhere", officeLocation="Nowhere")
    user("refused.new")
    user("lost.answer")
    for name in LATER:
        user(name, assignedLicenses=LICENCE)
    story.change("unlicensed", officeLocation="Licensed once")
    story.change("lost.phone", businessPhones=[PHONE_OF_ONE])
    return contacts


PHONE_OF_ONE = "030 5550144 ext. 45"
LATER = (
    *("renamed", "married", "new.mail", "new.upn", "swap1", "swap2", "left", "deleted", "unlicensed", "returning"),
    *("recreated", "edited.name", "edited.title", "lost.contact", "made.inactive", "merged", "moved", "unmarked"),
    *("no.title", "lost.phone", "leaver", "heir", "upper.id", "refused.change", "restored", "replaced.phone"),
)


def let_things_happen(story: Story, contacts: dict[str, str]) -> None:
    """Change the tenant and the PSA between the first and the second run."""
    mutate, change = story.stack.mutate, story.change
    users = {name: user["id"] for name, user in story.users.items()}
    new = {"surname": "Renamed-New", "mail": mail_of("renamed.new"), "userPrincipalName": mail_of("renamed.new")}
    mutate(op="graph.rename_user", user=users["renamed"], set=new)
    mutate(op="graph.rename_user", user=users["married"], set={"surname": "Wedded"})
    mutate(op="graph.rename_user", user=users["new.mail"], set={"mail": mail_of("newer.mail")})
    change("new.upn", userPrincipalName=f"NEW.upn2@{DOMAIN}")
    for one, other in (("swap1", "swap2"), ("swap2", "swap1")):
        change(one, mail=mail_of(other), proxyAddresses=[f"SMTP:{mail_of(other)}"])
    mutate(op="graph.disable_user", user=users["left"])
    mutate(op="graph.delete_user", user=users["deleted"])
    change("unlicensed", assignedLicenses=[])
    mutate(op="graph.recreate_user", user=users["recreated"])
    mutate(op="graph.delete_user", user=users["restored"])
    mutate(op="graph.restore_user", user=users["restored"])
    mutate(op="graph.delete_user", user=users["leaver"], hard=True)
    taken = mail_of("leaver")
    change("heir", mail=taken, proxyAddresses=[f"SMTP:{taken}", f"smtp:{mail_of('heir')}"])
    story.edit(contacts["edited.name"], lastName="By hand")
    story.edit(contacts["edited.title"], title="By hand")
    story.by_hand("delete", contacts["lost.contact"])
    story.by_hand("deactivate", contacts["made.inactive"])
    contacts["survivor"] = story.contact("merged.private", firstName="Given", lastName="Merged")
    mutate(op="psa.merge_contacts", contact=contacts["merged"], into=contacts["survivor"])
    story.by_hand("move", contacts["moved"], company=ANOTHER_COMPANY)
    story.edit(contacts["unmarked"], userDefinedField10="")
    story.edit(contacts["upper.id"], userDefinedField10=users["upper.id"].upper())
    change("no.title", jobTitle=None)
    change("lost.phone", businessPhones=[])
    change("replaced.phone", businessPhones=["0049 (30) 555-0100"])
    change("refused.change", department="IT", givenName="Changed")
    refusal = {
        "code": "InvalidObject",
        "message": "contact object is invalid",
        "errors": [{"code": "InvalidField", "message": "no", "resource": "contact", "field": "firstName"}],
    }
    patch = {"vendor": "connectwise", "method": "PATCH", "path": f"/contacts/{contacts['refused.change']}$"}
    story.stack.fault("status", match=patch, times=None, status=400, body=refusal)


# --- the first run: new users ---


@pytest.mark.parametrize("name", ["siobhan.o'brien", "ann+team", "emoji", "formula", "only.mobile", "prince"])
def test_unusual_person_gets_one_contact(lived: Lived, name: str) -> None:
    only(lived.first.of(name), "created")
    assert len(lived.story.contacts_with(name)) == 1
    only(lived.second.of(name), None)


def test_first_name_is_derived(lived: Lived) -> None:
    only(lived.first.of("no.given"), "created", "FirstNameDerived")


def test_missing_phone_is_told(lived: Lived) -> None:
    only(lived.first.of("no.phone"), "created", "MissingPhoneNumber")


def test_long_title_is_cut(lived: Lived) -> None:
    told = lived.first.of("long.title")
    only(told, "created", "ValueTruncated")
    assert lived.story.held(told["contact"])["title"] == "x" * 50
    only(lived.second.of("long.title"), None)


def test_address_in_another_case_is_the_same(lived: Lived) -> None:
    told = lived.first.of("upper")
    only(told, "updated")
    assert told["contact"] == lived.contacts["upper"]
    assert "email" not in told["changed"]


@pytest.mark.parametrize("name", ["pair1", "pair2"])
def test_two_users_of_one_mail_are_both_refused(lived: Lived, name: str) -> None:
    only(lived.first.of(name), "error", "DuplicateContact")
    assert lived.story.contacts_with("pair") == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("guest", "guest"),
        ("disabled", "disabled"),
        ("no.mail", "no mail"),
        ("mailbox", "shared mailboxes"),
        ("svc-backup", "service accounts"),
    ],
)
def test_who_is_left_out_is_told_by_which_rule(lived: Lived, name: str, rule: str) -> None:
    told = lived.first.of(name)
    only(told, "excluded")
    assert told["rule"] == rule
    assert lived.story.contacts_with(name) == []


def test_member_of_another_tenant_is_in_scope(lived: Lived) -> None:
    only(lived.first.of(f"external_partner.example#EXT#@{DOMAIN}"), "created")


@pytest.mark.parametrize("name", ["mal.formed", "too.long"])
def test_address_that_does_not_fit_is_an_error(lived: Lived, name: str) -> None:
    told = lived.first.of(name)
    only(told, "error", "InvalidFieldMapping")
    assert "email" in told["messages"][0]


def test_department_that_the_psa_lacks_is_left_out(lived: Lived) -> None:
    told = lived.first.of("strange.department")
    only(told, "created", "ReferenceNotFound")
    assert "Facilities" in told["messages"][0]


def test_two_candidates_are_named(lived: Lived) -> None:
    told = lived.first.of("two.candidates")
    only(told, "error", "DuplicateContact")
    assert all(lived.contacts[f"candidate{number}"] in told["messages"][0] for number in (1, 2))


def test_inactive_contact_is_taken_and_switched_on(lived: Lived) -> None:
    told = lived.first.of("was.inactive")
    only(told, "updated", "ContactReactivated")
    assert (told["contact"], "active" in told["changed"]) == (lived.contacts["was.inactive"], True)


def test_foreign_object_id_stays(lived: Lived) -> None:
    only(lived.first.of("foreign.id"), "updated", "ForeignObjectId")
    assert lived.story.held(lived.contacts["foreign.id"])["userDefinedField10"] == "LEGACY-7"


def test_object_id_of_a_gone_user_is_replaced(lived: Lived) -> None:
    told = lived.first.of("gone.id")
    only(told, "updated", "ContactRelinked")
    assert told["contact"] == lived.contacts["gone.id"]


@pytest.mark.parametrize(("name", "contact"), [("namesake", "namesake"), ("aliased", "family")])
def test_guess_is_refused_not_doubled(lived: Lived, name: str, contact: str) -> None:
    told = lived.first.of(name)
    only(told, "error", "DuplicateContact")
    assert lived.contacts[contact] in told["messages"][0]
    assert lived.story.contacts_with(name) == []


def test_contact_of_another_company_is_nobodys_business(lived: Lived) -> None:
    told = lived.first.of("elsewhere")
    only(told, "created")
    assert told["contact"] != lived.contacts["foreign company"]


def test_company_of_a_rule_that_does_not_exist_is_its_users_error(lived: Lived) -> None:
    told = lived.first.of("nowhere")
    only(told, "error", "MissingCompanyID")
    assert "9999" in told["messages"][0]


def test_refusal_of_a_new_contact_carries_the_psas_words(lived: Lived) -> None:
    told = lived.first.of("refused.new")
    only(told, "error", "ContactCreationFailed")
    assert "Duplicate contact email" in told["error"]["psa_error"]
    only(lived.second.of("refused.new"), "created")


def test_answer_lost_after_creation_makes_no_second_contact(lived: Lived) -> None:
    only(lived.first.of("lost.answer"), "created")
    assert len(lived.story.contacts_with("lost.answer")) == 1


def test_dry_run_before_the_first_run_says_the_same(lived: Lived) -> None:
    dry, real = lived.first.report["dry"], lived.first.report
    refused = {mail_of("refused.new")}  # what only the PSA itself can say
    for key in ("created_contacts", "updated_contacts"):
        assert said(dry[key]) - refused == said(real[key])
    assert said(dry["errors"]) | refused == said(real["errors"])


def said(rows: list[Json]) -> set[Any]:
    return {row["user_principal_name"] for row in rows}


# --- the second run: what happened since ---


@pytest.mark.parametrize(
    ("name", "now", "changed"),
    [
        ("renamed", "renamed.new", ["last_name", "email"]),
        ("married", "married", ["last_name"]),
        ("new.mail", "new.mail", ["email"]),
    ],
)
def test_same_contact_follows_its_user(lived: Lived, name: str, now: str, changed: list[str]) -> None:
    told = lived.second.of(now)
    only(told, "updated")
    assert (told["contact"], told["changed"]) == (lived.contacts[name], changed)


def test_new_principal_name_alone_writes_nothing(lived: Lived) -> None:
    only(lived.second.of(f"NEW.upn2@{DOMAIN}"), None)


@pytest.mark.parametrize("name", ["swap1", "swap2"])
def test_users_that_swap_their_mails_keep_their_contacts(lived: Lived, name: str) -> None:
    told = lived.second.of(name)
    only(told, "updated")
    assert (told["contact"], told["changed"]) == (lived.contacts[name], ["email"])


@pytest.mark.parametrize(
    ("name", "rule", "code"),
    [
        ("left", "disabled", "UserLeft"),
        ("deleted", "deleted", "UserLeft"),
        ("unlicensed", "unlicensed", "UserOutOfScope"),
    ],
)
def test_who_goes_is_reported(lived: Lived, name: str, rule: str, code: str) -> None:
    told = lived.second.of(name)
    only(told, "excluded", code)
    assert told["rule"] == rule
    assert not lived.story.held(lived.contacts[name])["inactiveFlag"]


def test_user_made_anew_gets_the_old_contact(lived: Lived) -> None:
    told = lived.second.of("recreated")
    only(told, "updated", "ContactRelinked")
    assert told["contact"] == lived.contacts["recreated"]


def test_user_restored_from_the_deleted_ones_needs_nothing(lived: Lived) -> None:
    only(lived.second.of("restored"), None)


def test_heir_of_a_leavers_mail_keeps_its_own_contact(lived: Lived) -> None:
    told = lived.second.of("heir")
    assert told["contact"] == lived.contacts["heir"]
    assert told["changed"] == ["email"]


def test_edit_of_an_always_field_is_told_and_overwritten(lived: Lived) -> None:
    told = lived.second.of("edited.name")
    only(told, "updated", "ManualEdit")
    assert told["changed"] == ["last_name"]
    assert "overwritten" in told["messages"][0]


def test_edit_of_a_source_changed_field_lives_until_the_source_changes(lived: Lived) -> None:
    kept = lived.second.of("edited.title")
    only(kept, None, "ManualEdit")
    assert "stays" in kept["messages"][0]
    told = lived.third.of("edited.title")
    only(told, "updated", "ManualEdit")
    assert lived.story.held(lived.contacts["edited.title"])["title"] == "Director"


def test_deleted_contact_is_made_anew(lived: Lived) -> None:
    told = lived.second.of("lost.contact")
    only(told, "created", "ContactRecreated")
    assert lived.story.contacts_with("lost.contact") == [told["contact"]]


def test_contact_that_was_made_inactive_is_switched_on(lived: Lived) -> None:
    told = lived.second.of("made.inactive")
    only(told, "updated", "ContactReactivated")
    assert told["changed"] == ["active"]


def test_merged_contact_goes_on_as_the_survivor(lived: Lived) -> None:
    told = lived.second.of("merged")
    only(told, "updated", "ContactMerged")
    assert told["contact"] == lived.contacts["survivor"]


def test_moved_contact_is_reported_and_stays(lived: Lived) -> None:
    told = lived.second.of("moved")
    assert (told["became"], "CompanyMismatch" in told["codes"]) == ("error", True)
    assert lived.story.held(lived.contacts["moved"])["company"]["id"] == ANOTHER_COMPANY


def test_object_id_that_was_taken_off_is_put_back(lived: Lived) -> None:
    told = lived.second.of("unmarked")
    only(told, "updated", "ContactUnlinked")
    assert told["changed"] == ["entra_id"]


def test_object_id_in_capitals_is_the_same(lived: Lived) -> None:
    only(lived.second.of("upper.id"), None)


def test_empty_property_erases_nothing_unless_told_to(lived: Lived) -> None:
    only(lived.second.of("no.title"), None)
    told = lived.second.of("lost.phone")
    only(told, "updated", "MissingPhoneNumber")
    assert told["changed"] == ["phone"]


def test_phone_in_another_spelling_writes_nothing(lived: Lived) -> None:
    only(lived.second.of("replaced.phone"), None)


def test_refusal_of_a_change_is_an_error_of_its_own(lived: Lived) -> None:
    told = lived.second.of("refused.change")
    only(told, "error", "ContactUpdateFailed")


# --- the third run: incremental ---


def test_refused_users_are_errors_of_every_run(lived: Lived) -> None:
    assert lived.third.report["sync_mode"] == "incremental"
    only(lived.third.of("pair1"), "error", "DuplicateContact")
    only(lived.third.of("married"), "updated")
