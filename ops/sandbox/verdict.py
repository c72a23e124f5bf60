"""Compares the PSA as it is with the truth."""

from collections.abc import Iterable, Mapping

from ops.sandbox.http import Json
from ops.sandbox.people import Person
from ops.sandbox.truth import Expected, Truth, differing_fields, fold


class Judge:
    """Goes through every expectation, then through every contact that nobody was expected to touch."""

    def __init__(
        self, truth: Truth, before: Mapping[int, Person], after: Mapping[int, Person], *, company_id: int
    ) -> None:
        self._truth = truth
        self._before = before
        self._after = after
        self._company_id = company_id
        self._differences: list[Json] = []
        self._explained: set[int] = set()
        self._new_by_id: dict[str, list[Person]] = {}
        for contact in after.values():
            if contact.id not in before and contact.object_id:
                self._new_by_id.setdefault(fold(contact.object_id), []).append(contact)

    def verdict(self) -> Json:
        """Return agreement, differences and the expected numbers."""
        for entry in self._truth.users:
            self._check(entry)
        self._check_the_rest()
        return {
            "agree": not self._differences,
            "expected": sum(1 for entry in self._truth.users if entry.outcome != "excluded"),
            "differences": self._differences,
            "statistics": self._truth.statistics(),
        }

    def _differ(self, user: str | None, what: str) -> None:
        self._differences.append({"user": user, "what": what})

    def _check(self, entry: Expected) -> None:
        name = entry.user["userPrincipalName"]
        new = self._new_by_id.get(fold(entry.user["id"]), [])
        if entry.outcome == "created":
            self._check_created(entry, new)
        elif entry.outcome == "updated" and entry.contact is not None:
            self._check_updated(name, entry, entry.contact)
        if entry.outcome != "created":
            for contact in new:
                self._explained.add(contact.id)
                self._differ(name, f"{entry.outcome} expected ({entry.why}), but contact {contact.id} was created")

    def _check_created(self, entry: Expected, new: list[Person]) -> None:
        name = entry.user["userPrincipalName"]
        self._explained.update(contact.id for contact in new)
        if len(new) != 1:
            self._differ(name, f"one new contact expected, there are {len(new)}")
            return
        contact = new[0]
        if contact.company_id != self._company_id:
            self._differ(name, f"contact {contact.id} was created in company {contact.company_id}")
        if not contact.active:
            self._differ(name, f"contact {contact.id} is inactive")
        if wrong := differing_fields(entry.desired, contact, self._truth.rules):
            self._differ(name, f"contact {contact.id} was created with wrong {', '.join(wrong)}")

    def _check_updated(self, name: str, entry: Expected, before: Person) -> None:
        self._explained.add(before.id)
        after = self._after.get(before.id)
        if after is None:
            self._differ(name, f"contact {before.id} is gone")
            return
        wrong = differing_fields(entry.desired, after, self._truth.rules) + ([] if after.active else ["active"])
        if wrong:
            self._differ(name, f"contact {before.id} is not updated in {', '.join(wrong)}")
        kept = {
            "company": before.company_id == after.company_id,
            "communication items of others": _survive(before, after, entry.desired),
            "other fields": before.rest == after.rest,
            "foreign object id": "entra_id" in entry.desired or before.object_id == after.object_id,
            "fields that the directory leaves empty": _not_erased(before, after, entry.desired),
        }
        lost = [what for what, is_kept in kept.items() if not is_kept]
        if lost:
            self._differ(name, f"contact {before.id} lost or changed: {', '.join(lost)}")

    def _check_the_rest(self) -> None:
        for contact_id, before in self._before.items():
            if contact_id in self._explained:
                continue
            after = self._after.get(contact_id)
            if after is None:
                self._differ(None, f"contact {contact_id} is gone")
            elif before != after:
                self._differ(
                    None, f"contact {contact_id} ({before.first_name} {before.last_name}) was changed and should not be"
                )
        for contact_id in self._after.keys() - self._before.keys() - self._explained:
            contact = self._after[contact_id]
            if contact.company_id == self._company_id:
                self._differ(
                    None, f"contact {contact_id} ({contact.first_name} {contact.last_name}) was created for nobody"
                )


def _survive(before: Person, after: Person, desired: Mapping[str, str]) -> bool:
    """Items in no mapped place are there still; an address that became the default one may have changed its place."""
    mail = fold(desired.get("email"))
    return all(item in after.items for item in before.others if fold(item[1]) != mail)


def _not_erased(before: Person, after: Person, desired: Mapping[str, str]) -> bool:
    pairs: Iterable[tuple[str, str, str]] = (
        ("last_name", before.last_name, after.last_name),
        ("phone", before.phone, after.phone),
        ("mobile_phone", before.mobile, after.mobile),
        ("job_title", before.job_title, after.job_title),
        ("department", before.department, after.department),
    )
    return all(name in desired or old == new for name, old, new in pairs)
