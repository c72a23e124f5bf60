"""How one installation is furnished: what its fields hold, where object id and contact type are kept. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.autotask.wire import FieldInfo

DEFAULT_ENTRA_ID_FIELD = "externalID"  # free for integrations; 50 characters, an object id has 36


@dataclass(frozen=True)
class FieldSettings:
    """What may be configured of the contact fields. User-defined fields are known by their labels."""

    entra_id_field: str = DEFAULT_ENTRA_ID_FIELD  # externalID, or a user-defined field
    contact_type_field: str | None = None  # a user-defined list field: contacts have no type of their own
    max_lengths: Mapping[str, int] = field(default_factory=dict)  # by our field names, in place of what Autotask says


@dataclass(frozen=True)
class EntraIdField:
    """The field that holds the object id."""

    name: str

    @property
    def is_user_defined(self) -> bool:
        """Tell a user-defined field from `externalID`."""
        return self.name != DEFAULT_ENTRA_ID_FIELD


def parse_entra_id_field(text: str) -> EntraIdField:
    """Read the setting `entra_id_field`: `externalID` in any case, or a label."""
    name = text.strip()
    return EntraIdField(DEFAULT_ENTRA_ID_FIELD if name.casefold() == DEFAULT_ENTRA_ID_FIELD.casefold() else name)


@dataclass(frozen=True)
class Layout:
    """What mapping must know of the installation. Fields by the vendor's names."""

    fields: Mapping[str, FieldInfo]
    entra_id: EntraIdField
    contact_type: FieldInfo | None = None


def find_user_defined(infos: Iterable[FieldInfo], label: str) -> FieldInfo | None:
    """Return the user-defined field of this label, folded for case."""
    folded = label.strip().casefold()
    return next((info for info in infos if folded in (info.name.strip().casefold(), info.label.casefold())), None)
