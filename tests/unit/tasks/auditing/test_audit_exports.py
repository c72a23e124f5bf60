"""An audit as CSV, JSON and page: everything is in them, and nothing in them is computed, run or loaded."""

import csv
import io
import json
import re
import unicodedata
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.records import Contact, User
from tasks.auditing.audit import Audit
from tasks.auditing.audit_csv import COLUMNS, write_csv
from tasks.auditing.audit_json import write_json
from tasks.auditing.audit_page import percent, write_audit_page
from tasks.auditing.cluster_rows import ClusterRows
from tasks.auditing.listed import Listed
from tasks.auditing.trend import measures_of
from tasks.report_csv import FORMULA_STARTS
from tasks.visible import HIDDEN, JOINERS
from tests.unit.tasks.auditing.crowd import a_contact, a_user, clustering, user_id

HOSTILE = '<script>document.title="taken"</script>'
FORMULA = "=HYPERLINK(A1)"
JANE = a_user(1, "Jane Doe", "jane@x.example", "j.doe@x.example")
DUPLICATES = [
    a_contact("1", "Jane Doe", "jane@x.example", protected="billing", fields={"phone": "+49 30 1234567"}),
    a_contact("2", "", "j.doe@x.example", "JANE@x.example", fields={"first_name": FORMULA, "last_name": HOSTILE}),
    a_contact("3", "Jane Doe", entra_id=user_id(1), active=False),
]
NUMBERS = {"users": 4, "department": 1, "active_contacts": 2, "duplicate_contacts": 2}


def an_audit(contacts: list[Contact] = DUPLICATES, users: tuple[User, ...] = (JANE,), **facts: Any) -> Audit:
    clusters = clustering(contacts, users)
    history = {"2026-11-17": {"users": 2, "department": 1}}
    return Audit(
        **{
            "connector_id": "contoso",
            "audited_at": datetime(2026, 11, 25, 12, tzinfo=UTC),
            "company_ids": ("250",),
            "users": len(users),
            "contacts": len(contacts),
            "clusters": ClusterRows(clusters),
            "surplus": clusters.surplus,
            "measures": measures_of(NUMBERS, history, today=date(2026, 11, 25)),
            "knows_links": True,
            **facts,
        }
    )


def table(*audits: Audit) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    write_csv(audits, out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def page(*audits: Audit) -> str:
    out = io.StringIO()
    write_audit_page(audits, out)
    return out.getvalue()


def test_csv_has_a_line_a_number_and_a_line_a_contact() -> None:
    lines = table(an_audit())
    assert tuple(lines[0]) == COLUMNS
    measured = [(line["measure"], line["number"], line["of"], line["share_7_days_ago"]) for line in lines[:2]]
    assert measured == [("lacking_department", "1", "4", "0.5"), ("duplicate_contacts", "2", "2", "")]
    assert [(line["psa_contact_id"], line["proposal"]) for line in lines[2:]] == [
        ("3", "keep"),
        ("1", "merge"),
        ("2", "merge"),
    ]
    assert lines[3]["evidence"].splitlines() == [
        "2: mail jane@x.example; same user jane@x.example (by mail and mail)",
        "3: same user jane@x.example (by mail and object id)",
    ]
    assert (
        lines[2]["advice"] == "keep 3 (carries the user's object id); merge 1, 2 into it in the PSA, then switch it on"
    )
    assert {line["cluster"] for line in lines[2:]} == {"250/1"}


def test_no_cell_of_the_csv_is_a_formula() -> None:
    cells = [cell for line in table(an_audit()) for cell in line.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert any(cell.startswith(f"'{FORMULA}") for cell in cells)
    assert "'+49 30 1234567" in cells


def test_json_is_one_line_with_everything() -> None:
    out = io.StringIO()
    write_json(an_audit(), out)
    (line,) = out.getvalue().splitlines()
    found = json.loads(line)
    (cluster,) = found.pop("clusters")
    assert found["duplicate_clusters"] == 1
    assert found["duplicate_contacts"] == 2
    assert found["quality"][0] == {
        "measure": "lacking_department",
        "number": 1,
        "of": 4,
        "share": 0.25,
        "share_7_days_ago": 0.5,
        "share_30_days_ago": None,
        "share_90_days_ago": None,
    }
    assert (cluster["survivor"], cluster["users"]) == ("3", ["jane@x.example"])
    assert [each["psa_contact_id"] for each in cluster["contacts"]] == ["3", "1", "2"]
    assert cluster["contacts"][0]["belongs_to"] == [{"user": "jane@x.example", "by": "object_id", "exists": True}]
    assert [each["psa_contact_ids"] for each in cluster["pairs"]] == [["1", "2"], ["1", "3"], ["2", "3"]]


def test_page_shows_both_and_foreign_text_is_text() -> None:
    text = page(an_audit())
    assert HOSTILE not in text
    assert text.count("<script") == 1
    assert "&lt;script&gt;" in text
    assert text.startswith("<!doctype html>")
    assert "1 possible duplicates" in text
    plain = re.sub(r"<[^>]+>", " ", text)
    assert re.search(r"lacking department\s+1\s+4\s+25\.0%\s+50\.0%\s+–\s+–", plain)
    assert "keep 3 (carries the user's object id)" in plain.replace("&#39;", "'")


def test_page_of_several_connectors_names_them() -> None:
    text = page(an_audit(), an_audit([], connector_id="fabrikam", knows_links=False))
    assert "Audit of 2 connectors" in text
    assert "Possible duplicates of contoso" in text
    assert "Possible duplicates of fabrikam" not in text
    assert "Completeness of fabrikam" in text
    assert "links of contact-sync and earlier days are unknown" in text


def test_contacts_of_several_users_are_for_a_person_to_look_at() -> None:
    tom = a_user(2, "Tom Ray", "tom@x.example")
    contacts = [
        a_contact(i, "", mail, entra_id=user_id(99)) for i, mail in (("1", "jane@x.example"), ("2", "tom@x.example"))
    ]
    audit = an_audit(contacts, (JANE, tom))
    assert [line["proposal"] for line in table(audit)[2:]] == ["look", "look"]
    assert "belongs to jane@x.example and tom@x.example: correct" in page(audit)


@pytest.mark.parametrize(("share", "shown"), [(None, "–"), (0.0, "0.0%"), (1.0, "100.0%"), (0.1234, "12.3%")])
def test_shares_are_shown_in_percent(share: float | None, shown: str) -> None:
    assert percent(share) == shown


FRAGMENTS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "|calc", '"', "'", ",", ";", "\n", "\r\n")
MARKUP = ("</td><script>x</script>", '" onclick="x', "'><img src=x>", "<!--", "]]>", "&lt;", "{{ page }}", "</style>")
UNSEEN = ("\x1b[2J", "\x1b]0;owned\x07", "\x00", "\x9b2J", "\u202e", "\u2028", "\ufeff", "\U000e0041")
HOSTILE_TEXT = st.lists(st.sampled_from([*FRAGMENTS, *MARKUP, *UNSEEN]) | st.text(max_size=5), max_size=6).map("".join)


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, in order: what a browser is told to do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, ...]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, *(name for name, _ in attrs)))


def the_same_person_twice(*texts: str) -> Audit:
    """Return an audit of two contacts that carry one object id, and hold these texts wherever a contact holds text."""
    names = ("first_name", "last_name", "phone", "mobile_phone")
    fields = dict(zip(names, texts, strict=False))
    jane = a_user(1, "Jane Doe", "jane@x.example")
    emails = (f"{texts[4]}@x.example",)
    contacts = [
        a_contact(number, entra_id=user_id(1), fields=fields).model_copy(update={"emails": emails}) for number in "12"
    ]
    return an_audit(contacts, (jane,))


@settings(max_examples=40)
@given(st.tuples(*[HOSTILE_TEXT] * 5))
def test_no_text_of_a_contact_is_obeyed_by_whoever_opens_an_export(texts: tuple[str, ...]) -> None:
    audit = the_same_person_twice(*texts)
    cells = [cell for line in table(audit) for cell in line.values()]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]
    text = page(audit)
    assert Tags(text).seen == Tags(page(the_same_person_twice(*["Doe"] * 5))).seen
    out = io.StringIO()
    write_json(audit, out)
    line, rest = out.getvalue().split("\n")
    assert (bool(json.loads(line)["clusters"]), rest) == (True, "")
    for shown in (*cells, text):
        hidden = {char for char in shown if unicodedata.category(char) in HIDDEN} - {"\n", *JOINERS}
        assert not hidden


@given(
    st.builds(
        Contact,
        id=st.text(min_size=1),
        company_id=st.text(min_size=1),
        active=st.booleans(),
        entra_id=st.none() | st.just(user_id(1)) | st.text(),
        emails=st.lists(st.text()).map(tuple),
        fields=st.dictionaries(
            st.sampled_from(["first_name", "last_name", "phone", "mobile_phone", "city"]), st.text()
        ),
        protected=st.none() | st.just("billing"),
    ),
    st.none() | st.text(),
)
def test_what_is_kept_of_a_contact_comes_back_as_it_was(contact: Contact, owner: str | None) -> None:
    listed = Listed.of(contact, owner)
    assert Listed.unpack(listed.pack()) == listed
