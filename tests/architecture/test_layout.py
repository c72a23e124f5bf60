"""Where things may be: folders, names and the public face of each package."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"adapters", "tasks", "worker", "tests", "ops", ".ci"}
PACKAGES = ("adapters", "tasks", "worker", "ops/sandbox")
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
LARGEST_BYTES = 1024 * 1024


def tracked_files() -> list[Path]:
    """List what git holds or would hold: tracked and new files, without the ignored ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def modules_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def public_names(source: str) -> tuple[set[str], list[str] | None]:
    """Return the public names that a module binds at its top, and its `__all__`."""
    bound: set[str] = set()
    exported: list[str] | None = None
    for node in ast.parse(source).body:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                bound.update(name.asname or name.name.partition(".")[0] for name in names)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                exported = ast.literal_eval(value)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                bound.add(name)
    return {name for name in bound if not name.startswith("_")}, exported


def test_top_level_holds_only_the_agreed_folders() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in tracked_files() if path.parent != ROOT}
    assert folders <= FOLDERS


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_no_module_hides_behind_an_empty_word(package: str) -> None:
    words = {
        path: set(path.with_suffix("").name.split("_"))
        for path in (ROOT / package).rglob("*")
        if path.is_dir() or path.suffix == ".py"
    }
    assert not [path for path, parts in words.items() if parts & EMPTY_WORDS]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_that_binds_names_says_which_are_public(package: str) -> None:
    faults = []
    for path in modules_of(package):
        if path.name == "__init__.py":
            bound, exported = public_names(path.read_text(encoding="utf-8"))
            if bound and (exported is None or not set(exported) <= bound):
                faults.append(path)
    assert not faults


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_states_what_belongs_in_it(package: str) -> None:
    silent = [
        path
        for path in modules_of(package)
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_unit_tests_mirror_the_packages() -> None:
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    assert not [folder for folder in folders if not (ROOT / folder).is_dir() or folder == Path()]


def test_vendor_folders_have_the_same_files() -> None:
    needed = {"__init__.py", "auth.py", "client.py", "mapping.py", "wire.py"}
    vendors = [path.parent for path in (ROOT / "adapters").glob("*/wire.py")]
    assert vendors
    assert not [vendor for vendor in vendors if not needed <= {path.name for path in vendor.iterdir()}]


def test_no_file_is_larger_than_a_repository_should_carry() -> None:
    assert not [path for path in tracked_files() if path.stat().st_size > LARGEST_BYTES]


def test_no_file_names_a_package_registry() -> None:
    hosts = [
        b".".join(parts)
        for parts in ((b"pypi", b"org"), (b"pythonhosted", b"org"), (b"npmjs", b"org"), (b"deb", b"debian", b"org"))
    ]
    assert not [path for path in tracked_files() if any(host in path.read_bytes() for host in hosts)]


def test_no_file_names_a_folder_of_one_machine() -> None:
    """A path under a home or a workplace works on one machine only; containers' and systems' paths are everybody's."""
    roots = [f"/{name}/".encode() for name in ("work", "home")]
    own = Path(__file__)
    assert not [path for path in tracked_files() if path != own and _names_a_root(path.read_bytes(), roots)]


def _names_a_root(content: bytes, roots: list[bytes]) -> bool:
    for root in roots:
        start = content.find(root)
        while start >= 0:
            before = content[start - 1 : start]
            if not (before.isalnum() or before in {b".", b"-", b"_", b"}", b"*", b"/"}):
                return True
            start = content.find(root, start + 1)
    return False


def test_each_decision_has_the_next_number() -> None:
    pages = sorted((ROOT / "ops" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {int(page.name[:4])}. "), page.name
