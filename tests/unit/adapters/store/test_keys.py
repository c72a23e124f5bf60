"""Keys are built in keys.py and nowhere else, and every script gets exactly what it declares."""

import re
from pathlib import Path

import pytest

import adapters.store
from adapters.store.keys import Keys
from adapters.store.scripts import load_scripts

FOLDER = Path(adapters.store.__file__).parent
OTHER_COLONS = {"packing.py", "address.py"}  # a dictionary of JSON, and a server's address
SOURCES = sorted(
    path
    for path in FOLDER.rglob("*")
    if path.suffix in (".py", ".lua") and path.name != "keys.py" and path.name not in OTHER_COLONS
)

KEY_PARTS = re.compile(r"""(["'])[\w%{}.\[\]]+:\1|["'][\w{}]+:\{|\.\.\s*(["']):|(["']):\3\s*\.\.|prefix\s*\+""")
"""A text that ends in a colon, a colon before a hole, a colon that is joined on: how a key is put together."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_key_is_built_outside_of_keys(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if "NOTE = " not in line and "startswith" not in line]
    assert [line for line in lines if KEY_PARTS.search(line)] == []


@pytest.mark.parametrize("text", ['f"run:{run_id}"', '"run:" + run_id', "run .. ':notes'", "key .. ':' .. name"])
def test_a_key_that_is_built_would_be_seen(text: str) -> None:
    assert KEY_PARTS.search(text)


def test_every_key_stands_under_the_prefix() -> None:
    keys = Keys("cs:")
    plain = [value for name, value in vars(keys).items() if not name.startswith("_")]
    parts = [each for of in (keys.run_parts, keys.report_parts, keys.journal_parts) for each in of("r").values()]
    claims = keys.claims("i", company_id="c", addresses=["a@b"], contact_id="7")
    made = [
        *plain,
        *parts,
        *claims,
        *keys.marks("i", company_id="c", addresses=["a@b"]),
        keys.marker("r"),
        keys.journals,
        keys.report("r"),
        keys.closed_of("c"),
        keys.connector_lease("c"),
        keys.approved("c"),
        keys.unfinished("c"),
        keys.decisions("c"),
        keys.decision_ends("c"),
        keys.user_lease("c", "u"),
        keys.intent("c", "u"),
        keys.links("t@i"),
        keys.owners("t@i"),
        keys.history("t@i"),
        keys.lane("i", "bulk"),
        keys.turns("i", "bulk"),
        keys.budget("i"),
        keys.pause("i"),
        keys.breaker("i"),
        keys.going("i"),
        keys.queued("i"),
        keys.working("w"),
        keys.snapshot(1),
        keys.request("k"),
    ]
    assert all(key.startswith("cs:") for key in made)
    assert len(made) == len(set(made))


@pytest.mark.parametrize("name", sorted(load_scripts()))
def test_script_uses_every_key_and_argument_that_it_declares(name: str) -> None:
    script = load_scripts()[name]
    body = "\n".join(line for line in script.text.splitlines() if not re.match(r"\s*--|local \w+ = (KEYS|ARGV)", line))
    tables = {key.partition(".")[0] for key in script.keys if "." in key}
    plain = [key for key in script.keys if "." not in key]
    assert [word for word in (*plain, *script.args, *tables) if not re.search(rf"\b{word}\b", body)] == []
