"""The example is the page's code, and a package that is installed adds its PSA."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.budget import NullBudget
from worker.cli.probing import FileAsSnapshot
from worker.configuration import psas
from worker.settings import load_settings, snapshot_configuration
from worker.vendors import Vendors

EXAMPLE = Path(__file__).parent
PAGE = EXAMPLE.parents[2] / "ops" / "docs" / "writing-an-adapter.md"
CONFIGURATION = """
[service]
development = true
[graph_app.main]
client_id = "00000000-0000-4000-8000-000000000001"
client_secret = "secret"
[psa.main]
kind = "tiny"
place = "somewhere"
[connectors.contoso]
tenant_id = "00000000-0000-4000-8000-000000000002"
psa = "main"
graph_app = "main"
psa_default_company_id = "250"
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_page_shows_the_whole_example() -> None:
    assert lines("".join(blocks("python"))) == lines((EXAMPLE / "tiny_psa.py").read_text())
    assert lines("".join(blocks("toml"))) == lines((EXAMPLE / "pyproject.toml").read_text())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What pip leaves behind when it installs the example."""
    facts = tmp_path / "tiny_psa-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-psa\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[contact_sync.psa]\ntiny = tiny_psa:KIND\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    psas._found.cache_clear()
    yield
    monkeypatch.undo()
    sys.modules.pop("tiny_psa", None)
    psas._found.cache_clear()


@pytest.mark.usefixtures("installed")
def test_installed_example_is_configured_and_built_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "contact-sync.toml"
    path.write_text(CONFIGURATION)
    settings = load_settings(path)
    configuration = snapshot_configuration(settings, FileAsSnapshot(settings))
    vendors = Vendors(configuration, lambda name, *, lane, per_minute, vendor: NullBudget())
    connector = configuration.connector("contoso", version=1)
    contacts = vendors.contacts_of(connector, version=1, lane="targeted")
    assert connector.psa_kind == "tiny"
    assert list(connector.field_mapping) == ["first_name", "last_name", "email", "job_title"]
    assert contacts.check().codebase == "memory of somewhere"
