"""Kinds of PSA: what a package brings to add one, and how those of the installed packages are found.

A package names its kind in the entry point group `contact_sync.psa`, a name and a `PsaKind`; ours do the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Protocol, Union

import httpx
from pydantic import Field

from adapters.limits import Budget, Slots
from adapters.transport import Observer
from tasks.connector import FieldRule
from tasks.ports import Contacts
from worker.configuration.problems import ConfigurationError, Problem
from worker.configuration.service import Section
from worker.configuration.values import Expiry, File, Text

GROUP = "contact_sync.psa"
CONCURRENT_RUNS = 8  # they share one budget, so more would not end sooner

Json = dict[str, Any]


class PsaSection(Section):
    """[psa.NAME]: what every kind has. A kind derives its own from it, with `kind: Literal["its-name"]`."""

    kind: str = Field(description="The vendor.")
    ca_file: File | None = Field(None, description="Authorities to trust instead of the public ones (PEM).")
    requests_per_minute: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Our share of the PSA's limit; default: one that leaves room for other tools."
    )
    key_expires: Expiry | None = Field(
        None, description='The day on which our key or secret ends, like "2027-03-31"; you are told before.'
    )
    concurrent_runs: Annotated[int, Field(ge=1, le=1000)] = Field(
        CONCURRENT_RUNS, description="The most runs over whole tenants at once; others wait for their turn."
    )
    entra_id_field: Text | None = Field(
        None, description="Where the object id is kept: a field's name or a custom field's caption; default: by kind."
    )


class InstanceFacts(Protocol):
    """What a check of a PSA found. None: we may not know."""

    @property
    def codebase(self) -> str:
        """Where its API lives."""

    @property
    def version(self) -> str | None:
        """Its release."""

    @property
    def vendor_sync(self) -> bool | None:
        """Whether the vendor's own Microsoft 365 sync is on."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The lists that we may not read."""


class PsaContacts(Contacts, Protocol):
    """A PSA as a kind builds it: what tasks need of it, a check, and a copy for another lane."""

    def check(self) -> InstanceFacts:
        """Prove address, keys, reading rights and configuration."""

    def with_budget(self, budget: Budget) -> "PsaContacts":
        """Return a copy that spends another lane's budget."""


class SlotsOf(Protocol):
    """How an instance asks for places for requests under way, shared by all workers."""

    def __call__(self, *, most: int, linger_s: float, counted_by: tuple[str, ...]) -> Slots | None:
        """Return so many places of each endpoint, each taken so much longer than its request; None: we are alone.

        `counted_by` is what the vendor counts requests by: instances of the same share the places."""


@dataclass(frozen=True)
class Parts:
    """What an adapter is built with: the shared client of its `ca_file`, the bulk lane's budget, and places.

    `observer` goes to its transport, which tells it of each call; None: nobody counts."""

    client: httpx.Client
    budget: Budget
    slots: SlotsOf
    observer: Observer | None = None


@dataclass(frozen=True)
class PsaKind:
    """One kind of PSA, as the configuration and the worker see it."""

    settings: type[PsaSection]
    build: Callable[[Any, Parts], PsaContacts]
    """Its settings and parts → its adapter; opens no connection."""
    default_mapping: Mapping[str, FieldRule]
    """By contact field name; a connector's own mapping is merged over it."""
    identity: tuple[str, ...]
    """The keys that say which installation this is, whatever the credentials."""
    addresses: tuple[str, ...]
    """The keys that hold a vendor's address: https in production, and no host of this machine."""
    calls_per_minute: float
    """Our share unless `requests_per_minute` says other; leaves room for the MSP's other tools."""


def psa_kinds() -> Mapping[str, PsaKind]:
    """Return the kinds of all installed packages by name. Raises ConfigurationError for one that cannot be loaded."""
    return _found()[0]


def psa_model() -> Any:
    """Return what a table [psa.NAME] is checked against: the settings of any kind, told apart by `kind`."""
    return _found()[1]


def default_mapping(kind: str) -> Mapping[str, FieldRule]:
    """Return the mapping that a connector of this kind starts with. Raises KeyError for an unknown kind."""
    return psa_kinds()[kind].default_mapping


def identity_keys(section: type[Section]) -> frozenset[str]:
    """Name the keys that tell one installation from another: no credential, so a rotated key changes nothing."""
    for kind in psa_kinds().values() if issubclass(section, PsaSection) else ():
        if kind.settings is section:
            return frozenset(("kind", *kind.identity, "entra_id_field"))
    return frozenset()


def psa_identity(document: Json) -> Json:
    """Return what tells this installation from another."""
    settings = psa_kinds()[document["kind"]].settings
    return {key: document.get(key) for key in identity_keys(settings)}


@cache
def _found() -> tuple[Mapping[str, PsaKind], Any]:
    kinds: dict[str, PsaKind] = {}
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    names = [entry.name for entry in entries]
    for entry in entries:
        if names.count(entry.name) > 1:
            raise _broken(entry, "is named by two packages; remove one of them")
        kinds[entry.name] = _load(entry)
    if not kinds:
        reason = "names no PSA at all: the installation is older than the code; install it again"
        raise ConfigurationError([Problem("installed packages", GROUP, reason)])
    settings = tuple(kind.settings for kind in kinds.values())
    model: Any = Union[settings] if len(settings) > 1 else settings[0]  # noqa: UP007 - made of a tuple
    return kinds, Annotated[model, Field(discriminator="kind")] if len(settings) > 1 else model


def _load(entry: EntryPoint) -> PsaKind:
    try:
        kind = entry.load()
    except Exception as exc:  # whatever a stranger's module does when it is imported
        raise _broken(entry, f"cannot be loaded: {type(exc).__name__}: {exc}") from exc
    if not isinstance(kind, PsaKind):
        raise _broken(entry, "is no PsaKind")
    wanted = kind.settings.model_fields["kind"].annotation
    if getattr(wanted, "__args__", ()) != (entry.name,):
        raise _broken(entry, f'its settings must say kind: Literal["{entry.name}"]')
    return kind


def _broken(entry: EntryPoint, reason: str) -> ConfigurationError:
    package = entry.dist.name if entry.dist is not None else "installed packages"
    return ConfigurationError([Problem(package, f"{GROUP}.{entry.name}", reason)])
