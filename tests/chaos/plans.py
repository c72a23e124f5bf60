"""What a random trial does: a pure function of its seed.

A seed fixes the run, the pool, the number of workers, the vendors' latency, and which faults come at which moment. It
leaves open what only the machine decides: at which call of which thread a process is at that moment.
"""

import random
from dataclasses import dataclass

from tests.chaos.scenes import SCENES

PROCESS_FAULTS = (
    "worker killed",
    "prefork child killed",
    "prefork parent killed",
    "worker stopped warmly",
    "worker stands still",
    "beat killed",
    "second beat",
    "two runs at once",
    "targeted run beside",
    "user changed in mid-run",
    "hosts' clock steps",
)
STORE_FAULTS = (
    "broker killed",
    "broker unreachable",
    "broker and workers killed",
    "broker out of memory",
    "broker refuses writes",
    "broker's disk full",
)
LOSSES = ("append-only file cut", "older snapshot put back")
"""Faults after which the store has forgotten what it had acknowledged: what it counted may be gone with it."""
VENDOR_FAULTS = (
    "PSA down",
    "PSA answer lost after the write",
    "PSA times out",
    "PSA resets",
    "PSA answers 500",
    "PSA answers HTML",
    "PSA answers 429",
    "PSA answer truncated",
    "PSA slow",
    "PSA page empty",
    "PSA page lacks items",
    "PSA count lags",
    "Graph 429 storm",
    "Graph answers 503",
    "Graph resets",
    "Graph answer truncated",
    "Graph page link dies",
    "delta link dies between pages",
    "token endpoint fails",
    "tokens revoked",
    "vendors' clock steps",
)
FAULTS = (*PROCESS_FAULTS, *STORE_FAULTS, *LOSSES, *VENDOR_FAULTS)
PREFORK_ONLY = ("prefork child killed", "prefork parent killed")
LAST_AT_S = 1.6
MOST_FAULTS = 3


@dataclass(frozen=True)
class Event:
    """A fault, seconds after the run was asked for (0: before it is), and a number for what the fault chooses."""

    at_s: float
    fault: str
    chance: int


@dataclass(frozen=True)
class Plan:
    """One random trial."""

    seed: int
    scene: str
    pool: str
    workers: int
    latency_ms: int
    events: tuple[Event, ...]

    def __str__(self) -> str:
        """Say it in one line."""
        events = ", ".join(f"{event.fault} at {event.at_s:.2f} s" for event in self.events)
        return f"seed {self.seed}: {self.scene}, {self.workers} {self.pool}, {self.latency_ms} ms: {events}"

    @property
    def faults(self) -> set[str]:
        """Name its faults."""
        return {event.fault for event in self.events}


def plan_of(seed: int) -> Plan:
    """Return the trial of a seed: its first fault goes through all there are, the others are drawn."""
    chance = random.Random(seed)  # noqa: S311 - repeats itself, guards nothing
    faults = [FAULTS[seed % len(FAULTS)], *chance.choices(FAULTS, k=chance.randrange(MOST_FAULTS))]
    prefork = any(fault in PREFORK_ONLY for fault in faults) or chance.random() < 0.1
    events = [Event(_moment(chance, fault), fault, chance.randrange(1000)) for fault in faults]
    return Plan(
        seed=seed,
        scene=chance.choice(list(SCENES)) if "delta link dies between pages" not in faults else "incremental",
        pool="prefork" if prefork else "threads",
        workers=chance.choice((1, 2)),
        latency_ms=chance.choice((0, 20, 40)),
        events=tuple(sorted(events, key=lambda event: event.at_s)),
    )


def _moment(chance: random.Random, fault: str) -> float:
    """Faults of vendors wait for their calls, so half of them are there from the beginning."""
    if fault in VENDOR_FAULTS and chance.random() < 0.5:
        return 0.0
    return round(chance.uniform(0.05, LAST_AT_S), 2)
