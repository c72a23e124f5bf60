"""Five hundred customers, each in a file of its own."""

from uuid import UUID

from tests.unit.worker.conftest import Installation
from worker.configuration import to_documents
from worker.settings import read_snapshot

CUSTOMERS = 500


def test_five_hundred_files_are_read_merged_published_and_read_back_whole(installation: Installation) -> None:
    installation.add('[[defaults.exclude]]\nname = "rooms"\n[defaults.field_mapping]\nphone = { update = "if_empty" }')
    for number in range(CUSTOMERS):
        installation.write(
            f'[connectors.c{number:03}]\ntenant_id = "{UUID(int=number + 1)}"\n'
            f"psa_default_company_id = {1000 + number}\n"
            f'[connectors.c{number:03}.field_mapping]\njob_title = {{ update = "on_create" }}',
            f"connectors.d/c{number:03}.toml",
        )
    settings = installation.load()
    assert len(settings.connectors) == CUSTOMERS + 1
    last = settings.connectors["c499"]
    assert (last.psa_default_company_id, last.schedule, last.exclude[0].name) == ("1499", "0 2 * * *", "rooms")
    assert [last.field_mapping[name].update for name in ("phone", "job_title")] == ["if_empty", "on_create"]
    snapshot = read_snapshot(settings, to_documents(settings), name="snapshot")
    assert {name: snapshot.connector(name) for name in snapshot.connector_ids} == settings.connectors


def test_one_fault_among_five_hundred_files_is_one_line(installation: Installation) -> None:
    for number in range(CUSTOMERS):
        key = "tenantid" if number == 250 else "tenant_id"
        text = f'[connectors.c{number}]\n{key} = "{UUID(int=number + 1)}"\npsa_default_company_id = {1000 + number}'
        installation.write(text, f"connectors.d/c{number}.toml")
    problem = installation.problem()
    assert (problem.file, problem.key) == ("connectors.d/c250.toml", "connectors.c250.tenantid")
