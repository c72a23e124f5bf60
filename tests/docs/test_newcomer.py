"""A newcomer adds a second customer by the README; each slip on the way is one line that lets him go on."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.blocks import find_blocks
from tests.docs.installation import ROOT
from worker.cli import main
from worker.cli.exits import Exit

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = {block.name: block.text for block in find_blocks(README)}
SECRETS = {
    "CONTACT_SYNC_FLOWER_AUTH": "operator:open-sesame",
    "GRAPH_SECRET": "secret",
    "CW_PUBLIC": "public",
    "CW_PRIVATE": "private",
    "CW_CLIENT_ID": "client",
}
FILE, MAIN = "connectors.d/fabrikam.toml", "contact-sync.toml"


@dataclass(frozen=True)
class Slip:
    """What is mistyped, and the key, reason and hint that answer it."""

    old: str
    new: str
    place: str
    said: tuple[str, ...]
    file: str = FILE

    def __str__(self) -> str:
        return self.new.strip().partition("\n")[0][:50] or "nothing"


C = "connectors.fabrikam"
SLIPS = [
    # keys and tables
    Slip("office365_sync_filter", "office365_sync_filtr", f"{C}.office365_sync_filtr", ("'office365_sync_filter'",)),
    Slip("psa_default_company_id", "default_company_id", f"{C}.default_company_id", ("psa_default_company_id",)),
    Slip("[connectors.fabrikam]", "[connector.fabrikam]", "connector", ("unknown key", "'connectors'")),
    Slip(
        '[[connectors.fabrikam.exclude]]\nname = "tr',
        '[[connectors.fabrikam.exclud]]\nname = "tr',
        f"{C}.exclud",
        ("unknown key", "'exclude'"),
    ),
    Slip(".field_mapping]", ".field_maping]", f"{C}.field_maping", ("'field_mapping'",)),
    Slip('company_id = "261"', 'company = "261"', f"{C}.company_rules[1].company", ("'company_id'",)),
    Slip('update = "if_empty"', 'updat = "if_empty"', f"{C}.field_mapping.department.updat", ("'update'",)),
    Slip("tenant_id = ", "tenant = ", f"{C}.tenant", ("tenant_id",)),
    Slip("[connectors.fabrikam]", '[connectors."fabri kam"]', "connectors.fabri kam", ("letters, digits",)),
    # TOML
    Slip('tenant_id = "', "tenant_id = ", "", ("line 2", "is not valid TOML", "a quote is missing")),
    Slip("['Sales', 'IT']\"", "['Sales', 'IT']", "", ("line 4", "is not valid TOML", "quote")),
    Slip("[connectors.fabrikam]", "[connectors.fabrikam", "", ("line 1", "']'")),
    Slip('psa_default_company_id = "260"', 'psa_default_company_id: "260"', "", ("line 3", "'='")),
    Slip('psa_default_company_id = "260"', "psa_default_company_id = “260”", "", ("line 3", "straight quotes")),
    Slip('psa_default_company_id = "260"', "psa_default_company_id = True", "", ("line 3", "true or false")),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\npsa_default_company_id = "9"',
        "",
        ("line 4", "twice"),
    ),
    Slip(
        '[[connectors.fabrikam.exclude]]\nname = "trainees',
        '[connectors.fabrikam.exclude]\nname = "trainees',
        "",
        ("line 9", "[["),
    ),
    # values
    Slip('tenant_id = "0', 'tenant_id = "x', f"{C}.tenant_id", ("must be a GUID",)),
    Slip('psa_default_company_id = "260"', "psa_default_company_id = 26.5", f"{C}.psa_default_company_id", ("text",)),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\nschedule = "0 2 * *"',
        f"{C}.schedule",
        ("five fields",),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\nschedule = "0 26 * * *"',
        f"{C}.schedule",
        ("hour",),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\ntimezone = "Europe/Berln"',
        f"{C}.timezone",
        ("'Europe/Berlin'",),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\npsa = "mian"',
        f"{C}.psa",
        ("no [psa.mian]", "'main'"),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\ngraph_app = "mine"',
        f"{C}.graph_app",
        ("no [graph_app.mine]", "main"),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\noffice365_sync_enabled = "yes"',
        f"{C}.office365_sync_enabled",
        ("true or false",),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\nfull_every = "a week"',
        f"{C}.full_every",
        ("duration", "7d"),
    ),
    Slip(
        'psa_default_company_id = "260"',
        'psa_default_company_id = "260"\ntags = "pilot"',
        f"{C}.tags",
        ("must be a list",),
    ),
    Slip('update = "if_empty"', 'update = "if_emty"', f"{C}.field_mapping.department.update", ("'if_empty'",)),
    Slip("[connectors.fabrikam]", "[connectors.contoso]", "connectors.contoso", ("contact-sync.toml already",)),
    Slip('00000003"', '00000002"', f"{C}.tenant_id", ("contoso pairs the same tenant",)),
    # the first file
    Slip('"connectwise"', '"connectwize"', "psa.main.kind", ("'connectwise'",), MAIN),
    Slip('"https://api-na', '"api-na', "psa.main.site_url", ("https://host",), MAIN),
    Slip("[graph_app.main]", "[graph_app]", "graph_app", ("lacks a name", "[graph_app.main]"), MAIN),
    Slip("[psa.main]", "[psa]", "psa", ("lacks a name", "[psa.main]"), MAIN),
    Slip('{ env = "CW_PRIVATE" }', '"s3cret"', "psa.main.private_key", ("does not stand in the file",), MAIN),
    Slip('{ env = "CW_PRIVATE" }', '{ env = "CW_PRIVAT" }', "psa.main.private_key", ("CW_PRIVAT is not set",), MAIN),
    Slip('{ env = "CW_PRIVATE" }', '{ enw = "CW_PRIVATE" }', "psa.main.private_key", ('{ env = "NAME" }',), MAIN),
    Slip("[defaults]", "[default]", "default", ("'defaults'",), MAIN),
    Slip("[service]", "[services]", "services", ("'service'",), MAIN),
    Slip('"0 2 * * *"', '"daily"', "defaults.schedule", ("five fields",), MAIN),
    # rules and expressions
    Slip("== 'Berlin'", "== Berlin", f"{C}.company_rules[1].when", ("text stands in quotes: 'Berlin'",)),
    Slip("== 'Berlin'", "== 'Berlin", f"{C}.company_rules[1].when", ("unexpected char",)),
    Slip("user.officeLocation == 'B", "User.officeLocation == 'B", f"{C}.company_rules[1].when", ("mean user?",)),
    Slip("['Sales', 'IT']", "'Sales' or 'IT'", f"{C}.office365_sync_filter", ("'IT' is compared with nothing",)),
    Slip("['Sales', 'IT']", "('Sales')", f"{C}.office365_sync_filter", ("wants a list",)),
    Slip("{{ user.jobTitle | title_case }}", "user.jobTitle", f"{C}.field_mapping.job_title.value", ("into {{ }}",)),
    Slip("phone_e164('DE')", "phone_e164('Germany')", f"{C}.field_mapping.phone", ("two letters",)),
    Slip("user.department in", "user.departmnt in", f"{C}.office365_sync_filter", ("user.department?",)),
    Slip("user.department in", "department in", f"{C}.office365_sync_filter", ("user.department?",)),
    Slip("== 'Berlin'", "= 'Berlin'", f"{C}.company_rules[1].when", ("compare with ==",)),
    Slip("['Sales', 'IT']", "['Sales', 'IT'", f"{C}.office365_sync_filter", ("office365_sync_filter",)),
    Slip("is match('trainee')", "is matches('trainee')", f"{C}.exclude[trainees].when", ("match",)),
    Slip("is match('trainee')", "is match('(trainee')", f"{C}.exclude[trainees].when", ("unterminated",)),
    Slip(
        "when = \"user.jobTitle is match('trainee')\"",
        'when = "{{ user.jobTitle }}"',
        f"{C}.exclude[trainees].when",
        ("without {{ }}",),
    ),
    Slip("when = \"user.jobTitle is match('trainee')\"", "", f"{C}.exclude[trainees].when", ("is missing",)),
    Slip("shared mailboxes", "shared mailbox", f"{C}.exclude[shared mailbox].when", ("'shared mailboxes'",)),
    Slip('name = "trainees"', 'name = "shared mailboxes"', f"{C}.exclude[shared mailboxes]", ("stands twice",)),
    Slip("| title_case", "| titlecase", f"{C}.field_mapping.job_title.value", ("title_case",)),
    Slip(
        "user.jobTitle | title_case }}", "user.jobTitle | title_case }", f"{C}.field_mapping.job_title.value", ("'}'",)
    ),
    Slip("businessPhones | first", "businessPhones", f"{C}.field_mapping.phone", ("first",)),
    Slip('phone = "{{', "fone = 7 #", f"{C}.field_mapping.fone", ("must be a table", "a template in quotes")),
    Slip("department = { update", "departement = { update", f"{C}.field_mapping.departement", ("'department'",)),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CONTACT_SYNC_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contact-sync.toml").write_text(BLOCKS["configuration"])
    (tmp_path / "connectors.d").mkdir()
    (tmp_path / FILE).write_text(BLOCKS["second customer"])
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as end:
        main(["config", "show", "fabrikam", "--json"])
    return int(end.value.code or 0), capsys.readouterr().err.splitlines()


@pytest.mark.usefixtures("folder")
def test_second_customer_of_the_readme_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys) == (Exit.SUCCESS, [])


@pytest.mark.parametrize("slip", SLIPS, ids=str)
def test_each_slip_is_answered_by_one_line_that_says_where_why_and_what(
    folder: Path, capsys: pytest.CaptureFixture[str], slip: Slip
) -> None:
    text = BLOCKS["second customer" if slip.file == FILE else "configuration"]
    assert slip.old in text
    (folder / slip.file).write_text(text.replace(slip.old, slip.new, 1), encoding="utf-8")
    code, lines = answer(capsys)
    assert code == Exit.USAGE
    told = [line for line in lines if line.startswith(f"{slip.file}: {slip.place}")]
    assert told, lines
    assert len(lines) == 1, lines
    assert all(word in told[0] for word in slip.said), told[0]


def test_many_slips_are_told_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BLOCKS["second customer"].replace("user.department in", "user.departmnt in")
    text = text.replace("if_empty", "if_emty").replace("| title_case", "| titlecase")
    (folder / FILE).write_text(text)
    assert len(answer(capsys)[1]) == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_file_of_a_windows_editor_is_taken(folder: Path, capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    text = BLOCKS["second customer"].replace("\n", "\r\n").replace("psa_default", "\tpsa_default")
    (folder / FILE).write_bytes(text.encode(encoding))
    assert answer(capsys) == (Exit.SUCCESS, [])


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_file_in_another_encoding_is_told(folder: Path, capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    (folder / FILE).write_bytes(("# Köln\n" + BLOCKS["second customer"]).encode(encoding))
    code, (line,) = answer(capsys)
    assert code == Exit.USAGE
    assert line.startswith(f"{FILE}: is not UTF-8 text (save it as UTF-8")


def test_file_of_another_ending_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / FILE).rename(folder / "connectors.d/fabrikam.tml")
    code, lines = answer(capsys)
    assert code == Exit.USAGE
    said = "is not read: its name does not end with .toml (rename it; what is to be left out ends with .disabled)"
    assert lines == [f"connectors.d/fabrikam.tml: {said}"]
