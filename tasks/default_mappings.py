"""The field mapping that a connector starts with, per PSA kind; its own mapping is merged over it, field by field."""

from tasks.connector import FieldRule

_EVERYWHERE = {
    "first_name": "{{ user.givenName }}",
    "last_name": "{{ user.surname }}",
    "email": "{{ user.mail }}",
    "phone": "{{ user.businessPhones | first }}",
    "mobile_phone": "{{ user.mobilePhone }}",
    "job_title": "{{ user.jobTitle }}",
}
_DEPARTMENT = {"department": "{{ user.department }}"}

DEFAULT_MAPPINGS: dict[str, dict[str, str]] = {
    "connectwise": _EVERYWHERE | _DEPARTMENT,
    "autotask": _EVERYWHERE,  # its contacts have no department ("Contacts" entity)
    "halo": _EVERYWHERE | _DEPARTMENT,
}


def default_mapping(psa_kind: str) -> dict[str, FieldRule]:
    """Return the rules by contact field name. Raises KeyError for an unknown kind."""
    return {name: FieldRule(value=value) for name, value in DEFAULT_MAPPINGS[psa_kind].items()}
