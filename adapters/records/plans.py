"""Plans that are kept: what a closed run would have written, to be carried out once somebody says so."""

from typing import Any, Literal

from adapters.records.base import Record

Json = dict[str, Any]

Carrier = Literal["open", "done", "stopped"]
"""A run that carries a plan out goes on, has come to its end, or was stopped: then it left lines, or is not kept."""


class KeptPlan(Record):
    """A plan that stands in a closed run's report; its lines are the report's rows that carry a fingerprint."""

    number: int  # of this installation, from 1
    run_id: str  # whose report it is
    connector_id: str
    trigger: str
    kept_at_ms: int
    lines: int
    digest: str  # SHA-256 over all lines, hexadecimal
    is_held: bool  # a real run was held; else somebody asked for the plan
    is_first: bool = False  # the first automatic run of a connector
    home: str  # tenant and PSA instance
    config_version: int
    fingerprint: str  # of that configuration
    request: Json  # SyncRequest as JSON
    carried_by: str = ""  # the last run that was asked to carry it out
    carrier: Carrier | None = None  # how that run stands
    replaced_by: str = ""  # a newer first plan of the same connector; the lines of this one are gone
