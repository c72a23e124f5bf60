"""What a user costs: round trips while it is written, bytes once its run is closed."""

from hashlib import sha256

from adapters.records import Link, Outcome
from adapters.store import Store
from tests.unit.adapters.store.making import HOME, a_plan, all_keys, an_intent, begun, created, frozen, judging, writing

BYTES_PER_USER = 420  # link, owner, one event, the report's row and the journal's entry in their sealed chunks
BYTES_OF_AN_EVENT = 150  # the first one of a user
BYTES_OF_A_PAST = 900  # ten events, of a user with a real object id, in runs with real ids


def reads(store: Store) -> int:
    return int(store.connection.client.info("stats")["total_reads_processed"])


def test_a_write_takes_four_round_trips(store: Store) -> None:
    frozen(store, count=2)
    _, grant = begun(store, "id-000000")  # the process knows the run now
    store.users.claim(grant, instance="main", company_id="250", addresses=["b@x.example"], contact_id=None)
    store.users.store_intent(grant, an_intent(a_plan(0), store))
    store.users.record(grant, "r1", created(a_plan(0)))
    intent, holder = an_intent(a_plan(1), store), store.presence.new_holder()
    before = reads(store)
    answer = store.users.begin("r1", "id-000001", holder=holder)
    assert isinstance(answer, tuple)
    assert store.users.claim(answer[1], instance="main", company_id="250", addresses=["a@x.example"], contact_id=None)
    assert store.users.store_intent(answer[1], intent)
    assert store.users.record(answer[1], "r1", created(a_plan(1)))
    assert reads(store) - before - 1 == 4


def test_a_closed_run_leaves_few_bytes_a_user(store: Store) -> None:
    users = 2000
    writing(store, plans=[a_plan(number) for number in range(users)])
    fields = ("first_name", "last_name", "email", "phone", "job_title", "department")
    written = {name: f"{number:016x}" for number, name in enumerate(fields)}
    for start in range(0, users, 50):
        store.presence.beat()
        batch = store.plan.freeze_batch("main", lane="bulk", size=50, window=50)
        assert batch is not None
        for offset, member in enumerate(batch.members):
            planned, grant = begun(store, member.user_id)
            number = start + offset
            changes = {name: [None, sha256(f"{name}{number}".encode()).hexdigest()[:12]] for name in fields}
            link = Link(
                contact_id=str(100_000 + number),
                company_id="250",
                fingerprint=f"{number * 7919:032x}",
                read_at_ms=1_795_550_073_966,
                written=written,
            )
            row = {"user_principal_name": f"user{number}@contoso.example", "status": "created", "changes": changes}
            row |= {"office365_id": member.user_id}
            entry = {**row, "operation": "create", "psa_contact_id": link.contact_id}
            store.users.record(grant, "r1", created(planned, link=link, row=row, journal=entry))
        store.plan.summarize_batch("r1", batch.batch_id)
    assert store.runs.close("r1", head={}, watermark=None)
    client, prefix = store.connection.client, store.connection.keys.server.removesuffix("server")
    used = sum(client.memory_usage(prefix + key, samples=0) for key in all_keys(store))
    assert used / users < BYTES_PER_USER


def test_the_longest_past_is_small_whatever_happens_to_a_user(store: Store) -> None:
    users = [f"{number:08}-0000-4000-8000-000000000000" for number in range(50)]
    row = {"changed_fields": ["first_name", "last_name", "phone"]}
    sizes = []
    for run in range(12):
        run_id = f"20261125T02{run:04}-contoso-ab12cd"
        holder = judging(store, run_id)
        outcomes = [Outcome(user_id=user_id, status="updated", row=row) for user_id in users]
        store.plan.add(run_id, holder=holder, planned=[], outcomes=outcomes)
        sizes.append(store.connection.client.memory_usage(store.connection.keys.history(HOME), samples=0) / len(users))
    assert sizes[0] < BYTES_OF_AN_EVENT
    assert max(sizes) < BYTES_OF_A_PAST
