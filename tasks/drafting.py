"""User → the contact that the user should have: company, mapped fields, what is missing and what does not fit. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adapters.records import ContactDraft, FieldSpec, PsaSchema, User
from tasks import codes
from tasks.connector import Connector, FieldRule
from tasks.expressions.compiled import ExpressionError, Template, compile_condition, compile_template
from tasks.names import collapse, cut, fold
from tasks.phones import main_part
from tasks.request import SyncRequest

__all__ = ["ADDRESS", "DONE", "Drafted", "Drafter", "Note", "find_contact_type", "name_of"]

Json = dict[str, Any]

DONE = "{done}"
"""Stands in a note for what becomes of the contact: created or updated."""

ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Note:
    """Something to warn of: always, or only if this field (None: anything at all) is written."""

    code: str
    message: str
    field: str | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft or the reason why there is none: exactly one of `draft` and `error` is set.

    `error` is a report row without its timestamp. `cleared` are the fields that null may erase, `derived` those whose
    value is a stand-in, good enough for an empty field only."""

    draft: ContactDraft | None = None
    error: Json | None = None
    notes: tuple[Note, ...] = ()
    cleared: frozenset[str] = frozenset()
    derived: frozenset[str] = frozenset()


class _Mapped(NamedTuple):
    spec: FieldSpec
    rule: FieldRule
    template: Template


@dataclass(slots=True)
class _Sheet:
    """What has been filled in so far for one user."""

    user: User
    fields: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)
    derived: set[str] = field(default_factory=set)


class _RefusedError(Exception):
    """This user gets no draft; carries the code and the message."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class Drafter:
    """Makes drafts for the users of one run. Raises ExpressionError where an expression cannot be compiled."""

    def __init__(self, connector: Connector, schema: PsaSchema, request: SyncRequest) -> None:
        """Compile rules and mapping once; fields that the PSA lacks are left out (mapping_checks names them)."""
        self._connector = connector
        self._request = request
        self._companies = [(compile_condition(rule.when), rule) for rule in connector.company_rules]
        self._specs = {spec.name: spec for spec in schema.fields}
        self._mapped = [
            _Mapped(self._specs[name], rule, compile_template(rule.value))
            for name, rule in connector.field_mapping.items()
            if name in self._specs and rule.update != "never"
        ]
        self._contact_type = find_contact_type(connector.psa_contact_type, schema)
        self._type_note = _type_note(connector.psa_contact_type, self._contact_type, schema)

    def draft(self, user: User) -> Drafted:
        """Return the contact that this user should have, or the error that keeps it from having one."""
        try:
            return self._draft(user)
        except _RefusedError as refused:
            code, message = refused.code, refused.message
        except ExpressionError as exc:
            code = codes.INVALID_FIELD_MAPPING
            message = f"{exc} could not be evaluated for {name_of(user)}; correct the expression in the configuration"
        return Drafted(error={"user_principal_name": name_of(user), "code": code, "message": message})

    def _draft(self, user: User) -> Drafted:
        company_id, site_id = self._company(user)
        sheet = _Sheet(user)
        for mapped in self._mapped:
            _fill_in(sheet, mapped)
        self._derive_first_name(sheet)
        self._require(sheet)
        if "phone" not in sheet.fields and "mobile_phone" not in sheet.fields:
            message = f"User missing phone number, contact {DONE} without phone"
            sheet.notes.append(Note(codes.MISSING_PHONE_NUMBER, message))
        if self._type_note is not None:
            sheet.notes.append(self._type_note)
        draft = ContactDraft(
            company_id=company_id,
            site_id=site_id,
            contact_type=self._contact_type,
            entra_id=user.id,
            fields=sheet.fields,
        )
        return Drafted(
            draft=draft,
            notes=tuple(sheet.notes),
            cleared=frozenset(sheet.cleared),
            derived=frozenset(sheet.derived),
        )

    def _company(self, user: User) -> tuple[str, str | None]:
        if self._request.company_id is not None:
            return self._request.company_id, None
        for is_hit, rule in self._companies:
            if is_hit(user):
                return rule.company_id, rule.site_id
        if self._connector.psa_default_company_id:
            return self._connector.psa_default_company_id, None
        raise _RefusedError(
            codes.MISSING_COMPANY_ID,
            f"No company can be determined for {name_of(user)}: no company rule applies and psa_default_company_id"
            " is not set; set it, or add a company rule for this user",
        )

    def _derive_first_name(self, sheet: _Sheet) -> None:
        spec = self._specs.get("first_name")
        if spec is None or "first_name" in sheet.fields:
            return
        user = sheet.user
        words = collapse(user.display_name or "").split()
        source = "display name" if words else "address"
        local_part = (user.mail or user.user_principal_name or "").strip().partition("@")[0]
        derived = words[0] if words else collapse(local_part)
        if not derived:
            return
        sheet.fields["first_name"] = cut(derived, spec.max_length or len(derived))
        sheet.derived.add("first_name")
        sheet.cleared.discard("first_name")
        message = f"{name_of(user)} has no first name in Microsoft 365; it was taken from the {source}"
        sheet.notes.append(Note(codes.FIRST_NAME_DERIVED, message, field="first_name"))

    def _require(self, sheet: _Sheet) -> None:
        missing = [name for name, spec in self._specs.items() if spec.required and name not in sheet.fields]
        if missing:
            raise _RefusedError(
                codes.USER_DATA_INCOMPLETE,
                f"The PSA requires {' and '.join(missing)}, which {name_of(sheet.user)} lacks in Microsoft 365;"
                " fill it in there, or map a stand-in, such as {{ user.surname | default('-') }}",
            )


def name_of(user: User) -> str:
    """Return the name by which reports call a user."""
    return user.user_principal_name or user.id


def find_contact_type(wanted: str | None, schema: PsaSchema) -> str | None:
    """Return the id of a contact type that is given by id or by name, folded for case; None if there is none."""
    if not wanted:
        return None
    by_id = {type_id: type_id for type_id, _ in schema.contact_types}
    by_name = {fold(name): type_id for type_id, name in reversed(schema.contact_types)}
    return by_id.get(wanted.strip()) or by_name.get(fold(wanted))


def _type_note(wanted: str | None, found: str | None, schema: PsaSchema) -> Note | None:
    """Say that contacts are made without the type that is configured, and why."""
    if not wanted or found is not None or not (schema.contact_types or schema.contact_type_hint):
        return None
    reason = (
        f"The PSA has no contact type {wanted!r}"
        if schema.contact_types
        else f"This PSA's contacts have no type of their own: {schema.contact_type_hint}"
    )
    return Note(codes.REFERENCE_NOT_FOUND, f"{reason}; the contact is made without one", field="contact_type")


def _fill_in(sheet: _Sheet, mapped: _Mapped) -> None:
    """Put one field's value into the sheet, if there is one and it fits."""
    spec, rule, template = mapped
    value = collapse(template(sheet.user))
    if not value:
        if rule.clear and not spec.required and not spec.lasting and _is_null(sheet.user, template):
            sheet.cleared.add(spec.name)
        return
    match spec.kind:
        case "email":
            _check_address(sheet.user, spec, value)
        case "phone":
            counted = (
                value if spec.extension_length is None else main_part(value, extension_length=spec.extension_length)
            )
            _check_length(sheet.user, spec, counted)
        case "reference":
            _refer(sheet, spec, value)
            return
        case "text":
            value = _shorten(sheet, spec, value)
    sheet.fields[spec.name] = value


def _is_null(user: User, template: Template) -> bool:
    """Tell a value that was cleared from one that this record says nothing about."""
    return template.properties <= user.model_fields_set


def _check_address(user: User, spec: FieldSpec, value: str) -> None:
    if not ADDRESS.fullmatch(value):
        raise _RefusedError(
            codes.INVALID_FIELD_MAPPING,
            f"The value for {spec.name} of {name_of(user)} is no e-mail address;"
            " correct it in Microsoft 365 or the field mapping",
        )
    _check_length(user, spec, value)


def _check_length(user: User, spec: FieldSpec, value: str) -> None:
    if spec.max_length is not None and len(value) > spec.max_length:
        raise _RefusedError(
            codes.INVALID_FIELD_MAPPING,
            f"The value for {spec.name} of {name_of(user)} has {len(value)} characters, the PSA takes"
            f" {spec.max_length}; shorten it in Microsoft 365 or the field mapping",
        )


def _shorten(sheet: _Sheet, spec: FieldSpec, value: str) -> str:
    if spec.max_length is None or len(value) <= spec.max_length:
        return value
    message = (
        f"The value for {spec.name} of {name_of(sheet.user)} has {len(value)} characters and was cut to"
        f" {spec.max_length}; shorten it in Microsoft 365 or the field mapping"
    )
    sheet.notes.append(Note(codes.VALUE_TRUNCATED, message, field=spec.name))
    return cut(value, spec.max_length)


def _refer(sheet: _Sheet, spec: FieldSpec, value: str) -> None:
    """Write a reference as the PSA spells it; leave out what it does not list."""
    if spec.choices is None:
        sheet.fields[spec.name] = value
        return
    known = {fold(choice): choice for choice in reversed(spec.choices)}.get(fold(value))
    if known is not None:
        sheet.fields[spec.name] = known
        return
    message = f"The PSA has no {spec.name} {value!r}; it was left out for {name_of(sheet.user)}, add it there or map it"
    sheet.notes.append(Note(codes.REFERENCE_NOT_FOUND, message, field=spec.name, always=True))
