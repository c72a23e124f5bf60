"""What undoes one write: each field back to its old value, unless somebody has changed it since. Pure.

A field is put back only if the contact still holds what was sent, in the form in which values compare. A contact that
the run made is switched off, never deleted, and not if somebody has edited in it what we wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.records import Contact, ContactChange, Former, Link, Outcome, Planned, PsaSchema, User
from tasks import codes
from tasks.addresses import fold_address
from tasks.comparing import are_same, comparable_form, guess_kind, kinds_of
from tasks.connector import Connector
from tasks.contact_keys import object_id_of
from tasks.differences import written_values
from tasks.drafting import name_of
from tasks.held_values import MARKS, held_value
from tasks.leaving import is_kept
from tasks.refusals import warning
from tasks.update_policies import VALUE_DIGEST_BYTES, digest_of

__all__ = ["PuttingBack", "Written", "written_by"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """One user's write that is to be undone; `changes` holds of each field what was there before and what was sent."""

    user: User
    contact_id: str
    is_creation: bool
    changes: Mapping[str, tuple[str | None, str | None]]
    former: Former
    company_id: str = ""  # in which the write left the contact

    @classmethod
    def of_entry(cls, entry: Json) -> "Written":
        """Read an entry of a journal (`tasks.undo.journaling`)."""
        return cls(
            user=User(
                id=entry["office365_id"],
                user_principal_name=entry["user_principal_name"],
                display_name=entry["display_name"],
            ),
            contact_id=entry["psa_contact_id"],
            is_creation=entry["operation"] == "create",
            changes={name: (before, sent) for name, (before, sent) in entry["changes"].items()},
            former=Former.model_validate(entry.get("former", {})),
            company_id=entry["psa_company_id"],
        )


def written_by(planned: Planned) -> Written:
    """Return what a planned undo is about to undo, to be looked at once more before it is sent."""
    change, former = planned.change, planned.former or Former()
    assert change is not None  # noqa: S101 - no undo creates
    wanted = written_values(planned)
    changes = {name: (wanted[name] or None, planned.before.get(name)) for name in planned.changed_fields}
    if change.site_id is not None and "site" in changes:
        changes["site_id"] = changes.pop("site")
    return Written(
        user=planned.user,
        contact_id=change.contact_id,
        is_creation=former.created,
        changes=changes,
        former=Former(
            written={name: planned.written[name] for name in changes if name in planned.written},
            fingerprint=planned.fingerprint,
            site_id=change.site_id,
        ),
        company_id=change.company_id,
    )


class PuttingBack:
    """Plans the undoing of one run's writes."""

    def __init__(self, connector: Connector, schema: PsaSchema, *, undone_run: str) -> None:
        """Take the policies, what the PSA can hold, and whose writes they are."""
        self._keep_active, self._undone_run = connector.keep_active, undone_run
        self._tenant_id = connector.tenant_id
        self._kinds = kinds_of(schema)
        self._fixed = frozenset(spec.name for spec in schema.fields if spec.required or spec.lasting)

    def plan(
        self, written: Written, contact: Contact | None, *, link: Link | None, owner: str | None, read_at_ms: int
    ) -> Planned | Outcome:
        """Return the write that undoes this one, or a skip that says by warnings what is left as it is, and why.

        `owner` is the user that the contact is linked to ("tenant/user")."""
        if contact is None:
            return self._left(written, "it is not in the PSA any more")
        if self._is_anothers(written, contact, owner):
            return self._left(written, "it is another user's by now")
        if link is not None and link.contact_id != contact.id:
            return self._left(written, f"contact {link.contact_id} is the user's by now")
        if written.is_creation:
            return self._switch_off(written, contact, link, read_at_ms=read_at_ms)
        warnings: list[Json] = []
        back = {}
        for name, (before, sent) in written.changes.items():
            present = held_value(contact, name)
            if self._same(name, present, before):
                continue
            reason = self._obstacle(written, contact, link, name, present=present, before=before, sent=sent)
            if reason is None:
                back[name] = before
            else:
                warnings.append(reason)
        if not back:
            return Outcome(user_id=written.user.id, status="skipped", warnings=tuple(warnings))
        return self._planned(written, contact, link, back, warnings=warnings, read_at_ms=read_at_ms)

    def _is_anothers(self, written: Written, contact: Contact, owner: str | None) -> bool:
        """Tell a contact that carries another user's object id or, without any, is linked to another user.

        One that carries what it did before the write is as it was."""
        own_id, marked = written.user.id.lower(), object_id_of(contact)
        if marked is None:
            return owner not in (None, f"{self._tenant_id}/{written.user.id}")
        before, _ = written.changes.get("entra_id", (None, None))
        return marked not in (own_id, (before or "").lower())

    # --- a contact that the run made ----------------------------------------------------------------------------------

    def _switch_off(
        self, written: Written, contact: Contact, link: Link | None, *, read_at_ms: int
    ) -> Planned | Outcome:
        if not contact.active:
            return Outcome(user_id=written.user.id, status="skipped")
        edited = self._edited(written, contact, link)
        if edited:
            fields = ", ".join(edited)
            reason = f"run {self._undone_run} made it, and {fields} was edited in the PSA since: it is somebody's work"
            return self._left(written, reason, code=codes.EDITED_SINCE)
        kept = self._must_stay_active(written, contact)
        if kept is not None:
            return Outcome(user_id=written.user.id, status="skipped", warnings=(kept,))
        return self._planned(written, contact, link, {"active": "false"}, warnings=(), read_at_ms=read_at_ms)

    def _edited(self, written: Written, contact: Contact, link: Link | None) -> list[str]:
        """Name the fields that hold something else than what we, in that run or a later one, wrote last."""
        last_written = link.written if link is not None else {}
        edited = [
            name for name, digest in last_written.items() if self._digest(name, contact.fields.get(name)) != digest
        ]
        return edited if contact.company_id == written.company_id else [*edited, "company"]

    def _must_stay_active(self, written: Written, contact: Contact) -> Json | None:
        user, who = written.user, f"Contact {contact.id} of {name_of(written.user)}"
        if contact.protected:
            message = f"{who} is the company's {contact.protected} contact and stays active; give that role to another"
            return warning(user, codes.PROTECTED_CONTACT, f"{message} contact, in the PSA")
        if is_kept(user, contact, keep_active=self._keep_active):
            return warning(user, codes.CONTACT_KEPT_ACTIVE, f"{who} is on the list keep_active and stays active")
        return None

    # --- a field that the run wrote -----------------------------------------------------------------------------------

    def _obstacle(
        self,
        written: Written,
        contact: Contact,
        link: Link | None,
        name: str,
        *,
        present: str | None,
        before: str | None,
        sent: str | None,
    ) -> Json | None:
        """Say why a field may not be put back; None: it may."""
        if not self._same(name, present, sent):
            whose = self._owner(written, contact, link, name, present=present)
            message = (
                f"{_shown(name)} of contact {contact.id} of {name_of(written.user)} was left as it is: run"
                f" {self._undone_run} wrote it, and {whose} has changed it since"
            )
            return warning(written.user, codes.EDITED_SINCE, message)
        if not before and (name in self._fixed or name == "site_id"):
            message = (
                f"{_shown(name)} of contact {contact.id} of {name_of(written.user)} was left as it is: it was empty"
                f" before run {self._undone_run}, and the PSA does not take it empty"
            )
            return warning(written.user, codes.NOT_UNDONE, message)
        if name == "active" and before == "false":
            return self._must_stay_active(written, contact)
        return None

    def _owner(self, written: Written, contact: Contact, link: Link | None, name: str, *, present: str | None) -> str:
        """Name who wrote what is there: a later run of ours leaves its digest behind, a person none."""
        if link is None:
            return "somebody"
        if name == "company":
            is_ours = link.company_id == present
        elif name == "entra_id":
            is_ours = object_id_of(contact) == written.user.id.lower()
        else:
            is_ours = link.written.get(name) == self._digest(name, present)
        return "a later run" if is_ours else "somebody, in the PSA,"

    def _same(self, name: str, one: str | None, other: str | None) -> bool:
        if name in MARKS:
            return (one or "").casefold() == (other or "").casefold()
        return are_same(self._kinds.get(name) or guess_kind(name), one, other)

    def _digest(self, name: str, value: str | None) -> str:
        kind = self._kinds.get(name) or guess_kind(name)
        return digest_of(comparable_form(kind, value or ""), size=VALUE_DIGEST_BYTES)

    # --- the plan -----------------------------------------------------------------------------------------------------

    def _planned(
        self,
        written: Written,
        contact: Contact,
        link: Link | None,
        back: Mapping[str, str | None],
        *,
        warnings: list[Json] | tuple[Json, ...],
        read_at_ms: int,
    ) -> Planned:
        known = link or Link(contact_id=contact.id, company_id=contact.company_id)
        former, moves = written.former, "company" in back
        addresses = [fold_address(value) for value in (back.get("email"), contact.fields.get("email")) if value]
        return Planned(
            user=written.user,
            read_at_ms=read_at_ms,
            change=_change(contact, back, site_id=former.site_id if moves else None),
            addresses=tuple(dict.fromkeys(addresses)) if "email" in back else (),
            changed_fields=tuple("site" if name == "site_id" else name for name in back),
            before={"site" if name == "site_id" else name: held_value(contact, name) for name in back},
            warnings=tuple(warnings),
            fingerprint=former.fingerprint if "entra_id" in back else known.fingerprint,
            written=_written(known, back, former),
            former=Former(
                written={name: known.written[name] for name in back if name in known.written},
                fingerprint=known.fingerprint,
                site_id=contact.site_id if moves else None,
                created=written.is_creation,
            ),
        )

    def _left(self, written: Written, reason: str, *, code: str = codes.NOT_UNDONE) -> Outcome:
        message = f"Contact {written.contact_id} of {name_of(written.user)} was left as it is: {reason}"
        return Outcome(user_id=written.user.id, status="skipped", warnings=(warning(written.user, code, message),))


def _change(contact: Contact, back: Mapping[str, str | None], *, site_id: str | None) -> ContactChange:
    """Return the change of the contact; an object id that was not there is taken off again."""
    return ContactChange(
        contact_id=contact.id,
        company_id=back.get("company") or contact.company_id,
        moves="company" in back,
        fields={name: value or None for name, value in back.items() if name not in MARKS},
        entra_id=(back["entra_id"] or "") if "entra_id" in back else None,
        active=back["active"] == "true" if "active" in back else None,
        site_id=back.get("site_id") or site_id,
    )


def _written(link: Link, back: Mapping[str, str | None], former: Former) -> dict[str, str]:
    """Return what counts as last written by us, as it was before: so no later run takes an old value for an edit."""
    kept = {name: digest for name, digest in link.written.items() if name not in back}
    return dict(sorted((kept | {name: former.written[name] for name in back if name in former.written}).items()))


def _shown(name: str) -> str:
    return "site" if name == "site_id" else name
