"""Bad answers of every endpoint of every vendor: the right branch of errors, never a crash, a hang or a stray write."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.errors import AnswerLostError, InstanceError, SyncError, TransientError, WireError
from tests.contract.fuzz.conftest import Taped
from tests.contract.fuzz.corruptions import ODD, UNREADABLE
from tests.contract.fuzz.replay import Replayer, Tape, sending_sites

UNNEEDED = {
    ("autotask", "GET /ThresholdInformation"): "how much of the hour others have taken: without it the default holds",
    ("autotask", "GET /VersionInformation"): "`check` shows it where it can",
    ("autotask", "GET /Contacts/{id}"): "after a creation the contact is shown as it was sent",
    ("connectwise", "GET /company/companies"): "`check` asks whether it may read them, not what they are",
    ("connectwise", "GET /company/contacts"): "as above",
    ("connectwise", "GET /company/m365contact"): "`check` asks whether another synchronisation is on",
    ("connectwise", "GET /system/info"): "`check` shows it where it can",
    ("halo", "GET /AzureADConnection"): "`check` asks whether another synchronisation is on",
    ("halo", "GET /Client"): "`check` asks whether it may read them, not what they are",
    ("halo", "GET /Users"): "as above",
    ("graph", "DELETE /subscriptions/{id}"): "its status says it all",
    ("graph", "GET /users/$count"): "a plain number, not JSON: half of it is one, too",
}
"""Endpoints whose answer an operation can do without, and why: there an unreadable one need not end it."""
WRITES = ("POST /Companies/{id}/Contacts", "PATCH ", "POST /company/contacts", "POST /Users", "POST /subscriptions")
ASKING_MORE = {"check", "create", "count", "subscriptions"}
"""Operations for which UNNEEDED holds; others read the same endpoints for what they say."""
ALWAYS_UNNEEDED = ("GET /ThresholdInformation",)
MAY_BE_CONFIRMED = {"PATCH /company/contacts/{id}": ("nothing",)}
"""ConnectWise may answer a PATCH with nothing: then the contact is read, and compared."""


def cases(taped: dict[str, Taped]) -> Iterator[tuple[str, str, str, Tape]]:
    """Name vendor, operation and endpoint: each endpoint in the first operation that asks it, and in every write."""
    for name, vendor in taped.items():
        seen: set[str] = set()
        for operation, tape in vendor.tapes.items():
            for endpoint in dict.fromkeys(tape.endpoints):
                if endpoint not in seen or operation in ("create", "update"):
                    seen.add(endpoint)
                    yield name, operation, endpoint, tape


def outcome(vendor: Taped, operation: str, replayer: Replayer) -> SyncError | None:
    """Do an operation on a tape; return what it raised. Only our own errors may come out."""
    with vendor.visited.watching(), httpx.Client(transport=replayer) as client:
        try:
            vendor.operations[operation](vendor.port(client))
        except SyncError as error:
            return error
    return None


def written(replayer: Replayer) -> list[str]:
    """Return the writes that were sent."""
    return [asked for asked in replayer.asked if asked.startswith(WRITES)]


def test_every_place_that_sends_is_reached(taped: dict[str, Taped]) -> None:
    reached = {site for vendor in taped.values() for site in vendor.sites}
    assert sorted(sending_sites() - reached) == []


def test_operation_on_its_own_tape_succeeds(taped: dict[str, Taped]) -> None:
    for name, vendor in taped.items():
        for operation, tape in vendor.tapes.items():
            replayer = Replayer(tape, vendor.visited, endpoint="none", corrupt=lambda body: (body, ""))
            assert outcome(vendor, operation, replayer) is None, (name, operation)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_answer_ends_in_the_right_branch_and_nothing_is_written_after_it(
    taped: dict[str, Taped], kind: str
) -> None:
    for name, operation, endpoint, tape in cases(taped):
        replayer = Replayer(tape, taped[name].visited, endpoint=endpoint, corrupt=UNREADABLE[kind])
        error = outcome(taped[name], operation, replayer)
        where = (name, operation, endpoint, kind, error)
        is_write = endpoint.startswith(WRITES)
        if error is None:
            assert can_do_without(name, operation, endpoint), where
            continue
        wanted = (AnswerLostError, WireError) if is_write else (TransientError, WireError, InstanceError)
        assert isinstance(error, wanted), where
        if not is_write and operation in ("create", "update"):
            assert written(replayer) == [], where
        if is_write and kind not in MAY_BE_CONFIRMED.get(endpoint, ()):
            assert isinstance(error, AnswerLostError), where
        assert_no_stray_write(replayer, endpoint, where)


@pytest.mark.parametrize("kind", ODD)
def test_odd_answer_is_taken_or_refused_in_our_words_and_never_written_twice(
    taped: dict[str, Taped], kind: str
) -> None:
    for name, operation, endpoint, tape in cases(taped):
        replayer = Replayer(tape, taped[name].visited, endpoint=endpoint, corrupt=ODD[kind])
        error = outcome(taped[name], operation, replayer)
        assert_no_stray_write(replayer, endpoint, (name, operation, endpoint, kind, error))


def can_do_without(name: str, operation: str, endpoint: str) -> bool:
    """Tell whether this operation ends well without that answer."""
    is_unneeded = (name.partition(" ")[0], endpoint) in UNNEEDED
    return is_unneeded and (operation in ASKING_MORE or endpoint in ALWAYS_UNNEEDED)


def assert_no_stray_write(replayer: Replayer, endpoint: str, where: object) -> None:
    """A write is sent once at most; only an operation that writes sends any."""
    writes = written(replayer)
    assert len(writes) == len(set(writes)), where
    _, operation, *_ = where if isinstance(where, tuple) else ("", "")
    assert not writes or operation in ("create", "update", "subscriptions"), where
