"""The kit's safe part on a vendor's own sandbox. Its configuration is named by CONTACT_SYNC_LIVE; asked for by -m live.

It leaves a deactivated contact of the name "Contract Test" behind in each connector's company."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.records import ContactDraft
from tests.contract.kit.looking import mapped, own, sample
from tests.contract.kit.psa import change, permit
from tests.fakes.budget import NullBudget
from worker.cli.probing import FileAsSnapshot
from worker.settings import load_settings, snapshot_configuration
from worker.vendors import Vendors

pytestmark = pytest.mark.live


def test_vendor_keeps_the_promises_of_the_port() -> None:
    settings = load_settings(Path(os.environ["CONTACT_SYNC_LIVE"]))
    vendors = Vendors(
        snapshot_configuration(settings, FileAsSnapshot(settings)),
        lambda name, *, lane, per_minute, vendor: NullBudget(),
    )
    for connector in settings.connectors.values():
        port = vendors.contacts_of(connector, version=1, lane="targeted")
        assert port.check().missing == ()
        company_id = connector.company_ids[0]
        assert port.fetch_company(company_id).active

        entra_id, mark = str(uuid4()), uuid4().hex[:8]
        fields = {"first_name": "Contract", "last_name": f"Test {mark}", "email": f"contract.{mark}@contoso.example"}
        made = port.create_contact(ContactDraft(company_id=company_id, entra_id=entra_id, fields=fields), permit=permit)
        assert own(made) == fields
        asked: list[tuple[str, list[str]]] = [(entra_id, []), ("", [fields["email"].upper()])]
        for key, emails in asked:
            assert [found.id for found in port.find_contacts([company_id], entra_id=key, emails=emails)] == [made.id]
        [namesake] = port.find_namesakes([company_id], first_name="CONTRACT", last_name=fields["last_name"])
        assert namesake == port.fetch_contact(made.id)

        for spec in mapped(port):
            wanted = change(made, fields={spec.name: sample(spec, turn=1)})
            made = port.update_contact(wanted, permit=permit)
            assert made.fields[spec.name] == sample(spec, turn=1)
        assert port.update_contact(change(made), permit=permit) == made
        for active in (False, True, False):
            assert port.update_contact(change(made, active=active), permit=permit).active is active

        seen, cursor = port.fetch_contacts(company_id)
        while cursor is not None:
            page, cursor = port.fetch_contacts(company_id, cursor)
            seen += page
        assert made.id in {contact.id for contact in seen}
        assert len(seen) == len({contact.id for contact in seen}) == port.count_contacts(company_id)
