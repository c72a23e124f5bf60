"""The image is made by the script that sets up a clone, from the files that this script needs."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapters", "tasks", "worker", "ops/sandbox")


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, continuation lines joined."""
    text = (ROOT / "ops" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, rest in lines]


def of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def copied() -> list[tuple[str, str]]:
    """Return (source, folder or name in the image) of what comes from the repository."""
    pairs = []
    for rest in of("COPY"):
        if not rest.startswith("--from"):
            *sources, target = rest.split()
            pairs += [
                (source, f"{target}{Path(source).name}" if target.endswith("/") else target) for source in sources
            ]
    return pairs


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    for source, target in copied():
        path = tmp_path / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, path)
    return tmp_path


def test_the_set_up_script_is_the_only_installer() -> None:
    assert "ops/bin/setup-environment" in of("RUN")
    assert not [step for step in of("RUN") if re.search(r"\b(pip|uv|apt|apt-get|curl|wget)\b", step)]


def test_each_file_that_the_set_up_reads_is_copied_before(image_folder: Path) -> None:
    script = (ROOT / "ops" / "bin" / "setup-environment").read_text()
    wanted = set(re.findall(r"ops/[a-z./-]+\.lock|pyproject\.toml", script))
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "ops").glob("requirements*.in")}
    assert len(wanted) >= 6
    assert not [name for name in wanted if not (image_folder / name).is_file()]


def test_what_is_copied_builds_the_whole_product(image_folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "."]
    subprocess.run(command, cwd=image_folder, check=True, capture_output=True, env=os.environ | {"PIP_USER": "0"})
    (wheel,) = image_folder.glob("psa_contact_sync-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert not modules - held
    assert not [name for name in held if name.startswith("tests/")]


def test_both_stages_live_at_the_same_path() -> None:
    """An environment holds its own path, so it may not move between the stages."""
    (home,) = of("WORKDIR")
    (moved,) = [rest for rest in of("COPY") if rest.startswith("--from")]
    assert moved == f"--from=build {home} {home}"
    assert len(set(of("FROM"))) == 3
    assert of("FROM")[1:] == ["base AS build", "base"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert of("USER") == ["10001:10001"]
    assert of("STOPSIGNAL") == ["SIGTERM"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("RUN")


def test_no_secret_is_built_in() -> None:
    assert not of("ARG")
    assert not re.search(r"secret|password|token|key=", " ".join(rest for _, rest in instructions()), re.IGNORECASE)
