"""What a reader is told when the store goes away between two answers: an error of ours, and never a shorter list.

A server in memory, cut off in the middle of a read; what needs Lua is tested on a real one, beside this."""

import json

import pytest
from fakeredis import FakeServer, FakeStrictRedis

from adapters.errors import TransientError
from adapters.store.connection import Connection, _Client
from adapters.store.packing import pack
from adapters.store.reports import Reports

RUN = "r1"


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(server_type="valkey")


@pytest.fixture
def connection(server: FakeServer) -> Connection:
    connection = Connection("redis://nowhere.invalid")
    connection.client = _Client(connection_pool=FakeStrictRedis(server=server).connection_pool)
    return connection


@pytest.fixture
def reports(connection: Connection) -> Reports:
    """Two closed runs; the first has 500 errors in a sealed chunk, and three loose ones."""
    keys, client = connection.keys, connection.client
    for number, run_id in enumerate((RUN, "r2")):
        client.zadd(keys.closed, {run_id: number})
        client.hset(keys.report(run_id), "head", json.dumps({"run_id": run_id}))
    parts = keys.report_parts(RUN)
    rows = [json.dumps({"code": "DuplicateContact", "number": number}).encode() for number in range(503)]
    client.rpush(parts["report_chunks.errors"], pack(b"[" + b",".join(rows[:500]) + b"]"))
    client.rpush(parts["report_rows.errors"], *rows[500:])
    return Reports(connection)


def test_sealed_and_loose_rows_are_one_stream(reports: Reports) -> None:
    assert [row["number"] for row in reports.rows(RUN, "errors")] == list(range(503))


@pytest.mark.parametrize("read", [0, 1, 499, 500])
def test_rows_that_break_off_are_an_error(reports: Reports, server: FakeServer, read: int) -> None:
    rows = reports.rows(RUN, "errors")
    assert [next(rows)["number"] for _ in range(read)] == list(range(read))
    server.connected = False
    with pytest.raises(TransientError, match="store: unreachable"):
        list(rows)


def test_a_list_of_reports_is_an_error_too(reports: Reports, server: FakeServer) -> None:
    server.connected = False
    for read in (reports.heads, reports.open_runs, lambda: reports.head(RUN), lambda: reports.progress(RUN)):
        with pytest.raises(TransientError, match="store: unreachable"):
            read()


def test_the_next_read_finds_the_store_that_is_back(reports: Reports, server: FakeServer) -> None:
    server.connected = False
    with pytest.raises(TransientError):
        reports.heads()
    server.connected = True
    assert [head["run_id"] for head in reports.heads()] == ["r2", RUN]


def test_the_cause_is_kept_for_the_log(reports: Reports, server: FakeServer) -> None:
    server.connected = False
    with pytest.raises(TransientError) as raised:
        reports.head(RUN)
    assert "redis" in type(raised.value.__cause__).__module__
