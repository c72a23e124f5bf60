"""What an installation calls things: communication types, departments, countries, sites, a custom field for object ids.

Read once per process and shared by all threads and lanes; read again when it is old or a name is missing.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from adapters.connectwise.client import ConnectWiseClient
from adapters.connectwise.layout import EntraIdField, FieldSettings, Layout, choose_types, parse_entra_id_field
from adapters.connectwise.mapping import wire_id
from adapters.connectwise.wire import VENDOR, CommunicationType, Named, WireSite
from adapters.errors import InstanceError, RecordError, WireError
from adapters.remembered import Remembered

MISSING_AGE_S = 60.0  # how often a missing name makes us look again

Table = Literal["department", "country", "contact_type"]
_PATHS: Mapping[Table, str] = {
    "department": "/company/contacts/departments",
    "country": "/company/countries",
    "contact_type": "/company/contacts/types",
}


class Setup:
    """The names of one installation and their ids. Thread-safe."""

    def __init__(self, settings: FieldSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        """Keep what is configured; nothing is read."""
        self.entra_id = parse_entra_id_field(settings.entra_id_field)
        self._type_names = settings.communication_types
        self._now = now
        self._layout: Remembered[Layout] = Remembered(now=now)
        self._tables: dict[Table, Remembered[tuple[Named, ...]]] = {name: Remembered(now=now) for name in _PATHS}
        self._sites: dict[int, Remembered[tuple[WireSite, ...]]] = {}
        self._lock = threading.Lock()

    def layout(self, client: ConnectWiseClient, *, max_age_s: float = math.inf) -> Layout:
        """Return what mapping must know: 1 call, and 1 or 2 for a custom field, once per process.

        Raises InstanceError if a configured communication type or the object id's custom field does not exist,
        WireError if there is said to be no type at all: contacts would be made without their addresses."""
        return self._layout.get(lambda: self._read_layout(client), max_age_s=max_age_s)

    def table(self, client: ConnectWiseClient, name: Table, *, max_age_s: float = math.inf) -> tuple[Named, ...]:
        """Return a set-up table; empty where the installation has none."""
        return self._tables[name].get(lambda: client.fetch_optional_table(_PATHS[name], Named), max_age_s=max_age_s)

    def sites(self, client: ConnectWiseClient, company_id: int, *, max_age_s: float = math.inf) -> tuple[WireSite, ...]:
        """Return a company's sites."""
        with self._lock:
            remembered = self._sites.setdefault(company_id, Remembered(now=self._now))
        return remembered.get(lambda: client.fetch_sites(company_id), max_age_s=max_age_s)

    def reference_id(self, client: ConnectWiseClient, field: str, name: str, *, company_id: str) -> int:
        """Return the id of a department, country or site of this name, folded for case.

        Raises RecordError(reference_unknown)."""
        for max_age_s in (math.inf, MISSING_AGE_S):
            for entry in self._entries(client, field, company_id=company_id, max_age_s=max_age_s):
                if _fold(entry.name) == _fold(name):
                    return entry.id
        raise RecordError("reference_unknown", vendor=VENDOR, field=field)

    def main_site(self, client: ConnectWiseClient, company_id: str) -> str | None:
        """Return the id of a company's primary site, else of its first; None if it has none."""
        sites = [site for site in self._entries(client, "site", company_id=company_id) if isinstance(site, WireSite)]
        sites.sort(key=lambda site: not site.primary_address_flag)
        return str(sites[0].id) if sites else None

    def _entries(
        self, client: ConnectWiseClient, field: str, *, company_id: str, max_age_s: float = math.inf
    ) -> Sequence[Named | WireSite]:
        if field == "site":
            sites = self.sites(client, wire_id(company_id, field="company"), max_age_s=max_age_s)
            return [site for site in sites if not site.inactive_flag]
        return self.table(client, "department" if field == "department" else "country", max_age_s=max_age_s)

    def _read_layout(self, client: ConnectWiseClient) -> Layout:
        types = client.fetch_table("/company/communicationTypes", CommunicationType)
        if not types:  # every installation has some
            raise WireError("communication_types_missing", vendor=VENDOR)
        try:
            chosen = choose_types(types, self._type_names)
        except LookupError as exc:
            raise InstanceError("communication_type_unknown", vendor=VENDOR) from exc
        if not self.entra_id.is_custom:
            return Layout(types=chosen, entra_id=self.entra_id)
        field_id = client.find_custom_field(self.entra_id.name)
        if field_id is None:
            raise InstanceError("entra_id_field_unknown", vendor=VENDOR)
        return Layout(types=chosen, entra_id=EntraIdField(self.entra_id.name, custom_field_id=field_id))


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()
