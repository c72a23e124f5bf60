"""Draft and contact → what is to be written, or why nothing is. Pure; a plan, carried out, leaves an empty plan."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from adapters.records import Contact, ContactChange, ContactDraft, Former, Link, Outcome, Planned, PsaSchema, User
from tasks import codes
from tasks.addresses import addresses_of, sought_addresses
from tasks.comparing import are_same, comparable_form, guess_kind, kinds_of
from tasks.connector import Connector, FieldRule
from tasks.contact_keys import object_id_of
from tasks.drafting import DONE, Drafted, name_of
from tasks.matching import Match
from tasks.refusals import Refusal, edited, moved, unlinked, warning
from tasks.request import SyncRequest
from tasks.update_policies import VALUE_DIGEST_BYTES, digest_of, fate_of, may_write

__all__ = ["ComparedField", "Planner", "fingerprint_of", "is_applied", "link_of", "plan_deactivation"]

Json = dict[str, Any]

_DERIVED = FieldRule(value="", update="if_empty")


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field of the draft beside what the contact holds."""

    name: str
    rule: FieldRule
    wanted: str | None
    current: str | None
    is_same: bool = False
    is_written: bool = False  # it differs, and its policy lets it be written
    is_edited: bool = False  # it differs, and somebody changed it in the PSA since our last write


class _Changes:
    """The differences found so far, in the order in which the report names them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.before: dict[str, str | None] = {}
        self.values: dict[str, Any] = {}
        self.fields: dict[str, str | None] = {}

    def set(self, name: str, *, before: str | None, **values: Any) -> None:
        """Note a difference outside the mapped fields."""
        self.names.append(name)
        self.before[name] = before
        self.values.update(values)

    def set_field(self, name: str, *, before: str | None, value: str | None) -> None:
        """Note a difference of a mapped field; None clears it."""
        self.names.append(name)
        self.before[name] = before
        self.fields[name] = value

    def for_contact(self, contact: Contact) -> ContactChange:
        """Return the differences as a change of this contact."""
        return ContactChange.model_validate(
            {"contact_id": contact.id, "company_id": contact.company_id, "fields": self.fields, **self.values}
        )


@dataclass(frozen=True, slots=True)
class _Case:
    user: User
    drafted: Drafted
    draft: ContactDraft
    match: Match
    link: Link | None
    read_at_ms: int

    @property
    def written(self) -> dict[str, str]:
        """Return what was last written for this user."""
        return self.link.written if self.link else {}

    def is_linked_to(self, contact: Contact) -> bool:
        """Tell whether what was last written was written to this contact."""
        return self.link is not None and self.link.contact_id == contact.id


class Planner:
    """Plans the users of one run."""

    def __init__(self, connector: Connector, schema: PsaSchema, request: SyncRequest) -> None:
        """Take from them the update rules, the kinds of the fields and whether existing contacts are updated."""
        self._rules = connector.field_mapping
        self._kinds = kinds_of(schema)
        self._updates_existing = request.update_existing

    def plan(
        self, user: User, drafted: Drafted, *, match: Match | Refusal, link: Link | None, read_at_ms: int
    ) -> Planned | Outcome:
        """Return the write that this user needs, or the outcome of one that needs none or may have none.

        The outcome of a skipped user carries the link to be remembered. Rows lack their timestamp."""
        if drafted.draft is None:
            return Outcome(user_id=user.id, status="error", row=drafted.error or {}, retry="refused")
        if isinstance(match, Refusal):
            return Outcome(user_id=user.id, status="error", row=match.row(user), retry="refused", named=match.user_ids)
        case = _Case(user, drafted, drafted.draft, match, link, read_at_ms)
        if match.contact is not None:
            return self._plan_update(case, match.contact)
        if user.account_enabled is not True:
            return Outcome(user_id=user.id, status="skipped")
        return self._plan_creation(case)

    def _plan_creation(self, case: _Case) -> Planned:
        draft = case.draft
        return Planned(
            user=case.user,
            read_at_ms=case.read_at_ms,
            draft=draft,
            addresses=tuple(sought_addresses(case.user, case.draft)),
            changed_fields=tuple(self._in_order(draft.fields)),
            warnings=(*case.match.warnings, *_warnings(case, None)),
            fingerprint=fingerprint_of(case.drafted),
            written=self._written(case, None, _Changes()),
        )

    def _plan_update(self, case: _Case, contact: Contact) -> Planned | Outcome:
        if not self._updates_existing:
            known = case.link or Link(contact_id="", company_id="")
            link = known.model_copy(update={"contact_id": contact.id, "company_id": contact.company_id})
            return Outcome(user_id=case.user.id, status="skipped", link=link)
        changes = _Changes()
        edits = self._compare_fields(case, contact, changes)
        marks = [*_drift(case, contact), *_compare_marks(case, contact, changes), *edits]
        warnings = (*case.match.warnings, *marks, *_warnings(case, frozenset(changes.names)))
        fingerprint, written = fingerprint_of(case.drafted), self._written(case, contact, changes)
        if not changes.names:
            link = Link(
                contact_id=contact.id,
                company_id=contact.company_id,
                fingerprint=fingerprint,
                read_at_ms=case.read_at_ms,
                written=written,
            )
            return Outcome(user_id=case.user.id, status="skipped", warnings=warnings, link=link)
        return Planned(
            user=case.user,
            read_at_ms=case.read_at_ms,
            change=changes.for_contact(contact),
            addresses=tuple(sought_addresses(case.user, case.draft)),
            changed_fields=tuple(changes.names),
            before=changes.before,
            warnings=warnings,
            fingerprint=fingerprint,
            written=written,
            former=_former(case, contact, changes),
        )

    def _compare_fields(self, case: _Case, contact: Contact, changes: _Changes) -> list[Json]:
        """Note what differs and may be written; return what is to be warned of."""
        edits = []
        for found in self._iter_fields(case, contact):
            if found.is_same:
                continue
            if found.is_written:
                changes.set_field(found.name, before=found.current, value=found.wanted)
            if found.is_edited:
                fate = fate_of(found.rule, writes=found.is_written)
                edits.append(edited(case.user, contact, found.name, fate=fate))
        return edits

    def compare(
        self, user: User, drafted: Drafted, *, match: Match, link: Link | None, read_at_ms: int
    ) -> list[ComparedField]:
        """Return every field that the draft speaks of beside what the matched contact holds; without a draft, none."""
        if drafted.draft is None or match.contact is None:
            return []
        case = _Case(user, drafted, drafted.draft, match, link, read_at_ms)
        return list(self._iter_fields(case, match.contact))

    def _iter_fields(self, case: _Case, contact: Contact) -> Iterator[ComparedField]:
        for name in self._in_order({*case.draft.fields, *case.drafted.cleared}):
            if name == "site" and case.draft.site_id:
                continue  # the company rule names the site by id
            wanted, current = case.draft.fields.get(name), contact.fields.get(name)
            rule = _DERIVED if name in case.drafted.derived else self._rules[name]
            if are_same(self._kinds[name], wanted, current):
                yield ComparedField(name, rule, wanted, current, is_same=True)
                continue
            written = case.written.get(name)
            yield ComparedField(
                name,
                rule,
                wanted,
                current,
                is_written=may_write(rule, self._digest(name, wanted), current=current, written=written),
                is_edited=case.is_linked_to(contact) and written not in (None, self._digest(name, current)),
            )

    def _digest(self, name: str, value: str | None) -> str:
        return digest_of(comparable_form(self._kinds[name], value or ""), size=VALUE_DIGEST_BYTES)

    def _in_order(self, names: Collection[str]) -> list[str]:
        """Return field names in the order of the mapping; a derived one that it lacks goes first."""
        return [name for name in names if name not in self._rules] + [name for name in self._rules if name in names]

    def _written(self, case: _Case, contact: Contact | None, changes: _Changes) -> dict[str, str]:
        """Return digests of the values that are ours: written, or found as we would have written them.

        Of a field that is written only when its source changes it is the source's value, written or not. A new contact
        knows nothing of what was written to a former one."""
        written = {}
        if contact is not None:
            is_same = case.is_linked_to(contact)
            written = {
                name: case.written[name]
                for name, rule in self._rules.items()
                if name in case.written and (is_same or rule.update == "source_changed")
            }
        for name in {*case.draft.fields, *case.drafted.cleared} & set(self._rules):
            wanted = case.draft.fields.get(name)
            if (
                contact is None
                or name in changes.fields
                or self._rules[name].update == "source_changed"
                or are_same(self._kinds[name], wanted, contact.fields.get(name))
            ):
                written[name] = self._digest(name, wanted)
        return dict(sorted(written.items()))


def _compare_marks(case: _Case, contact: Contact, changes: _Changes) -> list[Json]:
    """Compare what is no mapped field: company, site, object id, active; return what is to be warned of."""
    user, draft, warnings = case.user, case.draft, []
    if draft.company_id != contact.company_id:
        changes.set("company", before=contact.company_id, company_id=draft.company_id, moves=True)
    if draft.site_id and draft.site_id != contact.site_id:
        changes.set("site", before=contact.site_id, site_id=draft.site_id)
    object_id = object_id_of(contact)
    if object_id is None and (contact.entra_id or "").strip():
        warnings.append(_foreign_object_id(user, contact))
    elif object_id != user.id.lower():
        changes.set("entra_id", before=contact.entra_id, entra_id=user.id)
    if not contact.active and user.account_enabled is True:
        changes.set("active", before="false", active=True)
        message = f"The inactive contact {contact.id} of {name_of(user)} was switched on again"
        warnings.append(warning(user, codes.CONTACT_REACTIVATED, message))
    return warnings


def _former(case: _Case, contact: Contact, changes: _Changes) -> Former:
    """Return what whoever undoes this change needs beside the old values."""
    is_same = case.link is not None and case.is_linked_to(contact)
    return Former(
        written={name: case.written[name] for name in changes.names if name in case.written} if is_same else {},
        fingerprint=case.link.fingerprint if case.link is not None and is_same else "",
        site_id=contact.site_id if "company" in changes.names else None,
    )


def _drift(case: _Case, contact: Contact) -> list[Json]:
    """Return what was done to the contact in the PSA since our last write, beside its fields."""
    link, found = case.link, []
    if link is None or not case.is_linked_to(contact):
        return []
    if link.fingerprint and not (contact.entra_id or "").strip():
        found.append(unlinked(case.user, contact))
    if link.company_id and link.company_id != contact.company_id:
        found.append(moved(case.user, contact, link.company_id))
    return found


def plan_deactivation(
    user: User, contact: Contact, *, read_at_ms: int, link: Link | None = None, successor: str | None = None
) -> Planned | Outcome:
    """Return the write that switches off the contact of a user that left; skipped if it is off, or protected.

    What was last written for the user stays known, for the day on which it comes back."""
    if contact.active and contact.protected:
        to_whom = f"contact {successor}, for example" if successor else "another contact"
        message = (
            f"Contact {contact.id} of {name_of(user)} is the company's {contact.protected} contact and stays active;"
            f" give that role to {to_whom}, in the PSA"
        )
        protected = warning(user, codes.PROTECTED_CONTACT, message)
        return Outcome(user_id=user.id, status="skipped", warnings=(protected,))
    if not contact.active:
        return Outcome(user_id=user.id, status="skipped")
    return Planned(
        user=user,
        read_at_ms=read_at_ms,
        change=ContactChange(contact_id=contact.id, company_id=contact.company_id, active=False),
        addresses=tuple(addresses_of(user)),
        changed_fields=("active",),
        before={"active": "true"},
        fingerprint=link.fingerprint if link is not None else "",
        written=link.written if link is not None else {},
    )


def link_of(planned: Planned) -> Link:
    """Return the link to remember once the plan is carried out; a creation's contact id is not known yet."""
    target = planned.change or planned.draft
    return Link(
        contact_id=planned.change.contact_id if planned.change else "",
        company_id=target.company_id if target else "",
        fingerprint=planned.fingerprint,
        read_at_ms=planned.read_at_ms,
        written=planned.written,
    )


def is_applied(change: ContactChange, contact: Contact, *, schema: PsaSchema | None = None) -> bool:
    """Tell whether a contact holds all that a change was to write."""
    kinds = kinds_of(schema) if schema else {}
    return (
        all(
            are_same(kinds.get(name) or guess_kind(name), value, contact.fields.get(name))
            for name, value in change.fields.items()
        )
        and contact.company_id == change.company_id
        and (change.entra_id is None or change.entra_id.casefold() == (contact.entra_id or "").strip().casefold())
        and (change.active is None or change.active is contact.active)
        and (change.site_id is None or change.site_id == contact.site_id)
    )


def fingerprint_of(drafted: Drafted) -> str:
    """Return a digest of the whole draft: equal for equal drafts, on every machine."""
    draft = drafted.draft.model_dump() if drafted.draft else {}
    return digest_of(json.dumps([draft, sorted(drafted.cleared)], sort_keys=True, ensure_ascii=True))


def _foreign_object_id(user: User, contact: Contact) -> Json:
    message = (
        f"The object-id field of contact {contact.id} of {name_of(user)} holds a value that is no object id"
        " and was left alone; empty it, or choose another entra_id_field"
    )
    return warning(user, codes.FOREIGN_OBJECT_ID, message)


def _warnings(case: _Case, changed: frozenset[str] | None) -> list[Json]:
    """Return the drafting's notes that concern this write; None stands for a creation."""
    done = "created" if changed is None else "updated"
    return [
        warning(case.user, note.code, note.message.replace(DONE, done))
        for note in case.drafted.notes
        if note.always or changed is None or (note.field in changed if note.field else bool(changed))
    ]
