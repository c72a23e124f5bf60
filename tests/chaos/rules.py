"""The faults of vendors: what the sandbox is asked for."""

from tests.integration.stack import Json

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}
PSA, GRAPH, LOGIN = {"vendor": "connectwise"}, {"vendor": "graph"}, {"vendor": "login"}

RULES: dict[str, tuple[Json, ...]] = {
    "PSA answer lost after the write": (
        {"kind": "lost_answer", "match": {**WRITES, "method": "POST"}, "times": 3},
        {"kind": "lost_answer", "match": {**WRITES, "method": "PATCH"}, "times": 2},
    ),
    "PSA times out": ({"kind": "timeout", "match": WRITES, "seconds": 2, "times": 3},),
    "PSA resets": ({"kind": "reset", "match": PSA, "times": 2},),
    "PSA answers 500": ({"kind": "status", "status": 500, "body": "json", "match": PSA, "times": 2},),
    "PSA answers HTML": ({"kind": "status", "status": 200, "body": "html", "match": PSA, "times": 2},),
    "PSA answers 429": ({"kind": "429", "retry_after": 1, "match": PSA, "times": 3},),
    "PSA answer truncated": ({"kind": "truncate", "match": PSA, "times": 2},),
    "PSA slow": ({"kind": "slow", "match": PSA, "seconds": 0.7, "times": 2},),
    "PSA page empty": ({"kind": "empty_page", "match": PSA, "times": 1},),
    "PSA page lacks items": ({"kind": "missing_items", "match": WRITES, "times": 1},),
    "PSA count lags": ({"kind": "count_lag", "match": PSA, "times": 1},),
    "Graph 429 storm": ({"kind": "429", "retry_after": 1, "match": GRAPH, "times": 2},),
    "Graph answers 503": ({"kind": "status", "status": 503, "body": "html", "match": GRAPH, "times": 2},),
    "Graph resets": ({"kind": "reset", "match": GRAPH, "times": 2},),
    "Graph answer truncated": ({"kind": "truncate", "match": GRAPH, "times": 3},),
    "Graph page link dies": ({"kind": "expired_page", "match": GRAPH, "times": 1},),
    "delta link dies between pages": (
        {"kind": "expired_page", "match": {**GRAPH, "path": "/users/delta"}, "times": 1},
        {"kind": "dead_delta", "match": GRAPH, "times": 1},
    ),
    "token endpoint fails": ({"kind": "status", "status": 503, "body": "json", "match": LOGIN, "times": 2},),
}
"""Each part of a fault waits for the calls that it matches, as long as a run goes on."""


def rules_of(fault: str, chance: int) -> list[Json]:
    """Return a fault's rules; they let some calls pass, few where they are for one call only."""
    return [{**rule, "name": fault, "after": chance % (5 if rule["times"] > 1 else 2)} for rule in RULES[fault]]
