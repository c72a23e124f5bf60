"""What an installation calls things: contact fields and their lengths, user-defined fields, countries, locations.

Read once per process and shared by all threads and lanes; read again when it is old or a name is missing.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence

from adapters.autotask.client import AutotaskClient
from adapters.autotask.layout import FieldSettings, Layout, find_user_defined, parse_entra_id_field
from adapters.autotask.mapping import wire_id
from adapters.autotask.wire import VENDOR, Country, FieldInfo, Location, WireContact
from adapters.errors import InstanceError, RecordError
from adapters.remembered import Remembered

MISSING_AGE_S = 60.0  # how often a missing name makes us look again


class Setup:
    """The names of one installation and their ids. Thread-safe."""

    def __init__(self, settings: FieldSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        """Keep what is configured; nothing is read."""
        self.entra_id = parse_entra_id_field(settings.entra_id_field)
        self._contact_type = settings.contact_type_field
        self._now = now
        self._layout: Remembered[Layout] = Remembered(now=now)
        self._countries: Remembered[tuple[Country, ...]] = Remembered(now=now)
        self._locations: dict[int, Remembered[tuple[Location, ...]]] = {}
        self._lock = threading.Lock()

    def layout(self, client: AutotaskClient, *, max_age_s: float = math.inf) -> Layout:
        """Return what mapping must know: 1 call, and 1 for user-defined fields, once per process.

        Raises InstanceError if a configured user-defined field does not exist, or is no list where one is needed."""
        return self._layout.get(lambda: self._read_layout(client), max_age_s=max_age_s)

    def countries(self, client: AutotaskClient, *, max_age_s: float = math.inf) -> tuple[Country, ...]:
        """Return all countries, those out of use too; empty where we may not read them."""
        return self._countries.get(client.fetch_countries, max_age_s=max_age_s)

    def locations(self, client: AutotaskClient, company_id: int, *, max_age_s: float = math.inf) -> Sequence[Location]:
        """Return a company's locations, those out of use too."""
        with self._lock:
            remembered = self._locations.setdefault(company_id, Remembered(now=self._now))
        return remembered.get(lambda: client.fetch_locations(company_id), max_age_s=max_age_s)

    def names_of(self, client: AutotaskClient, wire: WireContact) -> dict[str, str | None]:
        """Return the names of what a contact points to; what it does not point to is not looked up."""
        names: dict[str, str | None] = {}
        if wire.country_id is not None:
            names["country"] = _name(wire.country_id, lambda age_s: self.countries(client, max_age_s=age_s))
        company_id = wire.company_id
        if wire.company_location_id is not None and company_id is not None:
            names["site"] = _name(
                wire.company_location_id, lambda age_s: self.locations(client, company_id, max_age_s=age_s)
            )
        return names

    def reference_id(self, client: AutotaskClient, field: str, name: str, *, company_id: str) -> int:
        """Return the id of a country or location of this name in use, folded for case.

        Raises RecordError(reference_unknown)."""
        for max_age_s in (math.inf, MISSING_AGE_S):
            entries: Sequence[Country | Location]
            if field == "site":
                entries = self.locations(client, wire_id(company_id, field="company"), max_age_s=max_age_s)
            else:
                entries = self.countries(client, max_age_s=max_age_s)
            for entry in entries:
                if entry.is_active and _fold(entry.name) == _fold(name):
                    return entry.id
        raise RecordError("reference_unknown", vendor=VENDOR, field=field)

    def _read_layout(self, client: AutotaskClient) -> Layout:
        fields = {info.name: info for info in client.fetch_fields()}
        if not self.entra_id.is_user_defined and self._contact_type is None:
            return Layout(fields=fields, entra_id=self.entra_id)
        labelled = client.fetch_user_defined_fields()
        entra_id = self.entra_id
        if entra_id.is_user_defined:
            info = _configured(labelled, entra_id.name, reason="entra_id_field_unknown")
            entra_id = type(entra_id)(info.name)
        kind: FieldInfo | None = None
        if self._contact_type is not None:
            kind = _configured(labelled, self._contact_type, reason="contact_type_field_unknown")
            if not kind.choices:
                raise InstanceError("contact_type_field_without_choices", vendor=VENDOR)
        return Layout(fields=fields, entra_id=entra_id, contact_type=kind)


def _configured(infos: Sequence[FieldInfo], label: str, *, reason: str) -> FieldInfo:
    info = find_user_defined(infos, label)
    if info is None:
        raise InstanceError(reason, vendor=VENDOR)
    return info


def _name(number: int, entries: Callable[[float], Sequence[Country | Location]]) -> str | None:
    for max_age_s in (math.inf, MISSING_AGE_S):
        found = next((entry.name for entry in entries(max_age_s) if entry.id == number), None)
        if found is not None:
            return found
    return None


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()
