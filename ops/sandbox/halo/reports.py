"""Reports: SQL over the users, stored once and run by id.

HaloPSA API documentation: "Report"; the columns of USERS as the Halo M365 contact script and published report queries
name them. Of SQL only `SELECT column [AS name], … FROM USERS` is understood.
"""

import re
from collections.abc import Callable
from typing import Any

from ops.sandbox.halo import errors
from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Json

_SELECT = re.compile(r"\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+USERS\s*", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r"(?P<column>\w+)(?:\s+AS\s+['\[]?(?P<name>\w+)['\]]?)?", re.IGNORECASE)
_FIELDS = {
    "uid": "id",
    "uusername": "name",
    "ufirstname": "firstname",
    "ulastname": "surname",
    "utitle": "title",
    "uemail": "emailaddress",
    "uemail2": "email2",
    "uemail3": "email3",
    "uextn": "phonenumber",
    "umobile": "mobilenumber",
    "umobile2": "mobilenumber2",
    "utelhome": "homenumber",
    "uother1": "other1",
    "uinactive": "inactive",
    "usite": "site_id",
    "uazureoid": "azureoid",
    "uisimportantcontact": "isimportantcontact2",
    "uisserviceaccount": "isserviceaccount",
}


class Reports:
    """The reports that somebody has made."""

    def __init__(self, halo: Halo) -> None:
        self._halo = halo

    def post(self, body: Any) -> Json:
        """Store a report, sent as an array of one; raises HaloError for SQL that cannot be run."""
        if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
            raise errors.bad_request("The JSON value could not be converted to a list of Report")
        name, sql = str(body[0].get("name", "")), str(body[0].get("sql", ""))
        if not name:
            raise errors.bad_request("A value is required for name")
        self._parse(sql)
        report: Json = {"id": len(self._halo.reports) + 1, "name": name, "sql": sql}
        self._halo.reports[report["id"]] = report
        return report

    def get(self, number: int, *, is_run: bool) -> Json:
        """Return a report, with its rows if it is to be run; booleans come as the database's bits."""
        report = self._halo.reports.get(number)
        if report is None:
            raise errors.not_found("Report", number)
        if not is_run:
            return report
        columns = self._parse(report["sql"])
        rows = [{name: _bit(read(user)) for name, read in columns.items()} for user in self._halo.users.values()]
        return {**report, "report": {"rows": rows, "load_error": ""}}

    def _parse(self, sql: str) -> dict[str, Callable[[Json], Any]]:
        found = _SELECT.fullmatch(sql)
        if found is None:
            raise errors.bad_request("Incorrect syntax")
        columns: dict[str, Callable[[Json], Any]] = {}
        for text in found["columns"].split(","):
            part = _COLUMN.fullmatch(text.strip())
            if part is None:
                raise errors.bad_request("Incorrect syntax")
            columns[part["name"] or part["column"]] = _reader(part["column"].lower())
        return columns


def _reader(column: str) -> Callable[[Json], Any]:
    if column.startswith("cf"):
        return lambda user: next(
            (entry["value"] for entry in user["customfields"] if entry["name"].lower() == column), None
        )
    if column not in _FIELDS:
        raise errors.bad_request(f"Invalid column name '{column}'.")
    name = _FIELDS[column]
    return lambda user: user[name]


def _bit(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
