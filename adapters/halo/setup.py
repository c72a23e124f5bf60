"""What an installation holds beside its users: clients with their sites, and the report that shows users whole.

Read when it is needed and shared by all threads and lanes; read again when it is old or a name is missing.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import ValidationError

from adapters.errors import InstanceError, NotFoundError, RecordError
from adapters.halo.client import HaloClient
from adapters.halo.layout import FieldSettings, Layout, layout_of
from adapters.halo.mapping import wire_id
from adapters.halo.wire import VENDOR, WireClient, WireSite, WireUser
from adapters.remembered import Remembered

SITES_AGE_S = 600.0  # how old a client's sites may be where a user is put into one
AFRESH = -1.0  # as the greatest age: older than nothing that is kept
MISSING_AGE_S = 60.0  # how often a missing name makes us look again
REQUIRED_COLUMNS = ("id", "email2", "email3", "isimportantcontact2")  # beside the field of the object id

Json = dict[str, Any]


class Customer(NamedTuple):
    """A client and its sites."""

    client: WireClient
    sites: tuple[WireSite, ...]


class UsersReport(NamedTuple):
    """The rows of the users' report by user id, and its columns in lower case."""

    rows: dict[int, WireUser]
    columns: frozenset[str]


class Setup:
    """The clients of one installation and its report. Thread-safe."""

    def __init__(self, settings: FieldSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        """Keep what is configured; nothing is read."""
        self.layout: Layout = layout_of(settings)
        self.max_lengths = settings.max_lengths
        self._report_id = settings.users_report
        self._now = now
        self._report: Remembered[UsersReport] = Remembered(now=now)
        self._customers: dict[int, Remembered[Customer]] = {}
        self._lock = threading.Lock()

    def customer(self, client: HaloClient, company_id: int, *, max_age_s: float) -> Customer:
        """Return a client with its sites: 2 calls where it is not known. Raises NotFoundError."""
        with self._lock:
            remembered = self._customers.setdefault(company_id, Remembered(now=self._now))
        return remembered.get(
            lambda: Customer(client.fetch_client(company_id), client.fetch_sites(company_id)), max_age_s=max_age_s
        )

    def main_site(self, client: HaloClient, company_id: str) -> int:
        """Return the id of a client's main site, else of its first. Raises RecordError(reference_unknown)."""
        number = wire_id(company_id, field="company")
        for max_age_s in (SITES_AGE_S, MISSING_AGE_S):
            try:
                customer = self.customer(client, number, max_age_s=max_age_s)
            except NotFoundError as exc:
                raise RecordError("reference_unknown", vendor=VENDOR, field="company", status=exc.status) from exc
            open_sites = [site.id for site in customer.sites if not site.inactive]
            if customer.client.main_site_id in open_sites:
                return customer.client.main_site_id
            if open_sites:
                return min(open_sites)
        raise RecordError("reference_unknown", vendor=VENDOR, field="site")

    def site_of_name(self, client: HaloClient, company_id: str, name: str) -> int:
        """Return the id of a client's site of this name, folded for case. Raises RecordError(reference_unknown)."""
        number = wire_id(company_id, field="company")
        for max_age_s in (SITES_AGE_S, MISSING_AGE_S):
            for site in self.customer(client, number, max_age_s=max_age_s).sites:
                if not site.inactive and _fold(site.name) == _fold(name):
                    return site.id
        raise RecordError("reference_unknown", vendor=VENDOR, field="site")

    def report(self, client: HaloClient, *, max_age_s: float = math.inf) -> UsersReport | None:
        """Return the users' report, run anew (1 call) if it is older than this; None if none is configured.

        Raises InstanceError if it does not exist or lacks a column."""
        if self._report_id is None:
            return None
        report_id = self._report_id
        return self._report.get(lambda: self._read_report(client, report_id), max_age_s=max_age_s)

    def _read_report(self, client: HaloClient, report_id: int) -> UsersReport:
        try:
            rows = client.fetch_report(report_id)
        except NotFoundError as exc:
            raise InstanceError("users_report_unknown", vendor=VENDOR, status=exc.status) from exc
        columns = frozenset(rows[0]) if rows else frozenset[str]()
        required = {*REQUIRED_COLUMNS, self.layout.entra_id.name.lower()}
        if not required <= columns:  # nor may it be empty: each site has its pseudo-user at least
            raise InstanceError("users_report_lacks_columns", vendor=VENDOR)
        users = [user for row in rows if (user := self._user_of(row)) is not None]
        return UsersReport({user.id: user for user in users}, columns)

    def _user_of(self, row: Json) -> WireUser | None:
        """Read a row; None for one that is no user: its detail is read instead."""
        field = self.layout.entra_id
        custom = [{"name": field.name, "value": row[field.name.lower()]}] if field.is_custom else []
        try:
            return WireUser.model_validate({**row, "customfields": custom})
        except ValidationError:
            return None


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()
