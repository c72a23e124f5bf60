"""Small ways to make the records that the pure core takes, and to carry out its plans."""

from typing import Any

from adapters.records import Contact, ContactChange, ContactDraft, FieldSpec, PsaSchema, User
from tasks.connector import Connector
from tasks.default_mappings import default_mapping

ANN_ID = "4f6c0a1e-0000-4000-8000-00000000a001"
BEN_ID = "4f6c0a1e-0000-4000-8000-00000000b002"
TENANT_ID = "7d3e0000-0000-4000-8000-000000000001"

SCHEMA = PsaSchema(
    fields=(
        FieldSpec(name="first_name", kind="text", max_length=30, required=True),
        FieldSpec(name="last_name", kind="text", max_length=30),
        FieldSpec(name="email", kind="email", max_length=60),
        FieldSpec(name="phone", kind="phone", max_length=25),
        FieldSpec(name="mobile_phone", kind="phone", max_length=25),
        FieldSpec(name="job_title", kind="text", max_length=50),
        FieldSpec(name="department", kind="reference", choices=("Sales", "IT", "Human Resources")),
        FieldSpec(name="site", kind="reference"),
    ),
    contact_types=(("1", "Employee"), ("2", "User")),
)


def make_user(**properties: Any) -> User:
    """Make Ann, an active employee, with other properties where told; given properties count as present."""
    defaults: dict[str, Any] = {
        "id": ANN_ID,
        "user_principal_name": "ann@contoso.com",
        "display_name": "Ann Example",
        "given_name": "Ann",
        "surname": "Example",
        "mail": "ann@contoso.com",
        "business_phones": ("+49 30 1234567",),
        "mobile_phone": None,
        "job_title": "Buyer",
        "department": "Sales",
        "account_enabled": True,
        "user_type": "Member",
    }
    return User(**{**defaults, **properties})


def make_ben(**properties: Any) -> User:
    """Make Ben, another employee."""
    ben: dict[str, Any] = {
        "id": BEN_ID,
        "user_principal_name": "ben@contoso.com",
        "display_name": "Ben Sample",
        "given_name": "Ben",
        "surname": "Sample",
        "mail": "ben@contoso.com",
    }
    return make_user(**{**ben, **properties})


def make_connector(**settings: Any) -> Connector:
    """Make a connector of company 250 with the default mapping."""
    defaults: dict[str, Any] = {
        "connector_id": "contoso",
        "tenant_id": TENANT_ID,
        "psa": "main",
        "psa_kind": "connectwise",
        "graph_app": "main",
        "psa_default_company_id": "250",
        "field_mapping": default_mapping("connectwise"),
    }
    return Connector(**{**defaults, **settings})


def make_contact(contact_id: str = "12345", **facts: Any) -> Contact:
    """Make Ann's contact as it should be, without an object id."""
    defaults: dict[str, Any] = {
        "company_id": "250",
        "active": True,
        "emails": ("ann@contoso.com",),
        "fields": {
            "first_name": "Ann",
            "last_name": "Example",
            "email": "ann@contoso.com",
            "phone": "+49 30 1234567",
            "job_title": "Buyer",
            "department": "Sales",
        },
    }
    return Contact(id=contact_id, **{**defaults, **facts})


def make_draft(user: User | None = None, **facts: Any) -> ContactDraft:
    """Make the draft of a user with its names and mail."""
    user = user or make_user()
    fields = {"first_name": user.given_name, "last_name": user.surname, "email": user.mail}
    defaults: dict[str, Any] = {
        "company_id": "250",
        "entra_id": user.id,
        "fields": {name: value for name, value in fields.items() if value},
    }
    return ContactDraft(**{**defaults, **facts})


def apply_change(contact: Contact, change: ContactChange) -> Contact:
    """Carry out a change as a PSA does: what is not named stays, a new default address goes first."""
    fields = {name: value for name, value in {**contact.fields, **change.fields}.items() if value}
    emails = tuple(dict.fromkeys([*([fields["email"]] if fields.get("email") else []), *contact.emails]))
    return contact.model_copy(
        update={
            "company_id": change.company_id,
            "fields": fields,
            "emails": emails,
            "entra_id": contact.entra_id if change.entra_id is None else change.entra_id,
            "active": contact.active if change.active is None else change.active,
            "site_id": contact.site_id if change.site_id is None else change.site_id,
        }
    )


def apply_draft(draft: ContactDraft, contact_id: str = "1") -> Contact:
    """Create a contact as a PSA does."""
    email = draft.fields.get("email")
    return Contact(
        id=contact_id,
        company_id=draft.company_id,
        active=True,
        entra_id=draft.entra_id,
        emails=(email,) if email else (),
        fields=dict(draft.fields),
        site_id=draft.site_id,
    )
