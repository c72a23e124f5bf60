"""What an installation refuses unless it says that it is for development."""

import pytest

from tests.unit.worker.conftest import Installation

SITE = "https://api-na.myconnectwise.net"
DEVELOPMENT = ("[service]", "[service]\ndevelopment = true")


@pytest.mark.parametrize(
    "site",
    [
        "https://localhost:8443",
        "https://127.0.0.1",
        "https://127.1",
        "https://127.8.9.10:8443/x",
        "https://[::1]:8443",
        "https://[::ffff:127.0.0.1]",
        "https://0.0.0.0",
        "https://sandbox:8443",
        "https://psa.localhost",
        "https://psa.test",
        "https://cw.example",
        "https://LOCALHOST.",
    ],
)
def test_vendor_on_this_machine_or_in_the_sandbox_is_for_development_only(
    installation: Installation, site: str
) -> None:
    installation.replace(SITE, site)
    problem = installation.problem()
    assert problem.key == "psa.main.site_url"
    assert "is no vendor's host" in problem.reason
    installation.replace(*DEVELOPMENT)
    assert installation.load().service.development


@pytest.mark.parametrize(
    "site", ["https://psa.msp.com", "https://cwserver", "https://10.0.0.7", "https://testing.msp.com"]
)
def test_own_servers_of_a_psa_are_taken(installation: Installation, site: str) -> None:
    installation.replace(SITE, site)
    assert installation.load().psas["main"].model_dump()["site_url"] == site


def test_plain_http_is_for_development_only(installation: Installation) -> None:
    installation.replace(SITE, "http://api-na.myconnectwise.net")
    assert installation.problem().reason == "must be https: secrets go there"
    installation.replace(*DEVELOPMENT)
    installation.load()


@pytest.mark.parametrize("key", ["login_url", "graph_url"])
def test_login_and_graph_are_judged_too(installation: Installation, key: str) -> None:
    installation.replace("[psa.main]", f'{key} = "https://localhost:8443/x"\n[psa.main]')
    assert installation.problem().key == f"graph_app.main.{key}"


@pytest.mark.parametrize(
    ("written", "inline", "key"),
    [
        ('private_key = { env = "CW_PRIVATE" }', 'private_key = "s3cret"', "psa.main.private_key"),
        ('client_id = { env = "CW_CLIENT_ID" }', 'client_id = "s3cret"', "psa.main.client_id"),
        ('client_secret = { env = "GRAPH_SECRET" }', 'client_secret = "s3cret"', "graph_app.main.client_secret"),
        (
            'flower_basic_auth = { env = "FLOWER_AUTH" }',
            'flower_basic_auth = "admin:s3cret-password"',
            "service.flower_basic_auth",
        ),
        ("[defaults]", '[api.tokens.rmm]\ntoken = "s3cret-of-a-machine"\n[defaults]', "api.tokens.rmm.token"),
    ],
)
def test_secret_in_the_file_is_for_development_only(
    installation: Installation, written: str, inline: str, key: str
) -> None:
    installation.replace(written, inline)
    problem = installation.problem()
    assert (problem.key, problem.reason) == (key, "a secret does not stand in the file")
    assert "s3cret" not in str(problem)
    installation.replace(*DEVELOPMENT)
    installation.load()


@pytest.mark.parametrize("password", ["x", "admin", "nine-char", "aaaaaaaaaaaaaaaaaaaa", "abababababababab"])
def test_weak_password_is_for_development_only(installation: Installation, password: str) -> None:
    installation.environment["FLOWER_AUTH"] = f"admin:{password}"
    problem = installation.problem()
    assert problem.key == "service.flower_basic_auth"
    assert "is weak" in problem.reason
    assert password not in f" {problem.reason} {problem.hint}".replace("is weak", "").split()
    installation.replace(*DEVELOPMENT)
    installation.load()


@pytest.mark.parametrize("token", ["x", "fifteen-letters", "0000000000000000000000000"])
def test_weak_token_is_for_development_only(installation: Installation, token: str) -> None:
    installation.environment["TOKEN"] = token
    installation.add('[api.tokens.rmm]\ntoken = { env = "TOKEN" }')
    problem = installation.problem()
    assert problem.key == "api.tokens.rmm.token"
    assert "is weak" in problem.reason
    installation.replace(*DEVELOPMENT)
    installation.load()


@pytest.mark.parametrize(("seconds", "is_taken"), [("2", False), ('"4s"', False), ("5", True), ('"20s"', True)])
def test_write_deadline_that_a_busy_budget_uses_up_is_refused(
    installation: Installation, seconds: str, is_taken: bool
) -> None:
    installation.add(f"[service.timing]\nwrite_deadline_s = {seconds}")
    if is_taken:
        installation.load()
        return
    problem = installation.problem()
    assert problem.key == "service.timing.write_deadline_s"
    assert problem.reason.startswith("must be 4.2 at least")
    installation.replace(*DEVELOPMENT)
    installation.load()


def test_weak_password_of_a_store_elsewhere_is_refused(installation: Installation) -> None:
    installation.environment["REDIS"] = "rediss://:secret@valkey.msp.com:6380/0"
    installation.replace("[service]", '[service]\nredis_url = { env = "REDIS" }')
    assert "password that is weak" in installation.problem().reason


@pytest.mark.parametrize("key", ["notify", "heartbeat_url"])
def test_addresses_of_alerts_are_secrets(installation: Installation, key: str) -> None:
    inline = {"notify": '["slack://a/b/s3cret"]', "heartbeat_url": '"https://hc.msp.com/s3cret"'}[key]
    installation.replace("[service]", f"[service]\n{key} = {inline}")
    problem = installation.problem()
    assert (problem.key, problem.reason) == (f"service.{key}", "a secret does not stand in the file")
    assert "s3cret" not in str(problem)
    installation.replace(*DEVELOPMENT)
    assert "s3cret" not in repr(installation.load())


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://hc-ping.com/uuid", True),
        ("http://hc-ping.com/uuid", False),
        ("http://127.0.0.1:8000/x", True),
        ("http://uptime:3001/x", True),
    ],
)
def test_heartbeat_goes_by_tls_or_stays_here(installation: Installation, url: str, is_taken: bool) -> None:
    installation.environment["BEAT"] = url
    installation.replace("[service]", '[service]\nheartbeat_url = { env = "BEAT" }')
    if is_taken:
        assert installation.load().service.heartbeat_url is not None
    else:
        assert installation.problem().reason.startswith("must be https")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("json://hooks.msp.com/s3cret", "goes without TLS: use jsons://"),
        ("gotify://push.msp.com/s3cret", "goes without TLS: use gotifys://"),
        ("jsons://hooks.msp.com/s3cret?verify=no", "goes without a check of the certificate"),
        ("jsons://hooks.msp.com/s3cret", None),
        ("json://127.0.0.1:9/s3cret", None),
        ("json://webhook/s3cret", None),
        ("slack://a1b2c3/d4e5f6/s3cret", None),
        ("mailto://user:s3cret@mail.msp.com", None),
    ],
)
def test_alerts_go_by_tls_or_stay_here(installation: Installation, url: str, reason: str | None) -> None:
    installation.environment["NOTIFY"] = url
    installation.replace("[service]", '[service]\nnotify = [{ env = "NOTIFY" }]')
    if reason is None:
        assert len(installation.load().service.notify) == 1
        return
    problem = installation.problem()
    assert (problem.key, problem.reason) == ("service.notify[1]", reason)
    assert "s3cret" not in str(problem)
    installation.replace(*DEVELOPMENT)
    installation.load()


@pytest.mark.parametrize("text", ["nonsense", "://x", "slack://", ""])
def test_address_that_is_none_of_apprise_is_told(installation: Installation, text: str) -> None:
    installation.environment["NOTIFY"] = text
    installation.replace("[service]", '[service]\nnotify = [{ env = "NOTIFY" }]')
    assert installation.problem().key.startswith("service.notify")


def test_open_flower_is_for_development_only(installation: Installation) -> None:
    installation.replace('flower_basic_auth = { env = "FLOWER_AUTH" }', "")
    assert installation.problem().key == "service.flower_basic_auth"
    installation.replace(*DEVELOPMENT)
    assert installation.load().service.flower_basic_auth is None


@pytest.mark.parametrize(
    ("url", "reasons"),
    [
        ("redis://127.0.0.1:6379/0", ["no password"]),
        ("redis://localhost:6379/0", ["no password"]),
        ("redis://:good-secret@127.0.0.1:6379/0", []),
        ("unix:///run/valkey.sock", []),
        ("rediss://:good-secret@valkey.msp.com:6380/0", []),
        ("rediss://user:good-secret@10.0.0.9:6380/0", []),
        ("rediss://:good-secret@valkey.msp.com:6380/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required", []),
        ("rediss://:good-secret@valkey.msp.com:6380/0?ssl_cert_reqs=none", ["without a check of the certificate"]),
        (
            "rediss://:good-secret@valkey.msp.com:6380/0?ssl_check_hostname=False",
            ["without a check of the certificate"],
        ),
        ("redis://:good-secret@valkey.msp.com:6379/0", ["without TLS"]),
        ("rediss://valkey.msp.com:6380/0", ["no password"]),
        ("redis://valkey.msp.com:6379/0", ["without TLS", "no password"]),
        ("redis://:good-secret@[fd00::9]:6379/0", ["without TLS"]),
        ("redis://:good-secret@167772169:6379/0", ["without TLS"]),  # 10.0.0.9 as one number
        ("redis://:good-secret@valkey:6379/0", []),
        ("redis://valkey:6379/0", ["no password"]),
        ("sentinel://:good-secret@sentinel:26379/0?primary=sync&sentinel_password=good-secret", []),
        ("sentinel://:good-secret@sentinel-1,sentinel-2/0?primary=sync", ["no password"]),
        ("sentinels://:good-secret@one.msp.com,[fd00::9]/0?primary=sync&sentinel_password=good-secret", []),
        (
            "sentinels://:good-secret@10.0.0.8,10.0.0.9/0?primary=sync&sentinel_password=good-secret&ssl_ca_certs=/ca.pem",
            [],
        ),
        (
            "sentinels://:good-secret@10.0.0.9/0?primary=sync&sentinel_password=good-secret&ssl_cert_reqs=none",
            ["without a check of the certificate"],
        ),
        ("sentinel://:good-secret@localhost,10.0.0.9/0?primary=sync", ["without TLS", "no password"]),
    ],
)
def test_store_at_a_port_needs_a_password_and_on_another_machine_tls(
    installation: Installation, url: str, reasons: list[str]
) -> None:
    installation.environment["REDIS"] = url
    installation.replace("[service]", '[service]\nredis_url = { env = "REDIS" }')
    if not reasons:
        redis_url = installation.load().service.redis_url
        assert redis_url is not None
        assert redis_url.get_secret_value() == url
        return
    problems = installation.problems()
    assert len(problems) == len(reasons)
    for problem, reason in zip(problems, reasons, strict=True):
        assert problem.key == "service.redis_url"
        assert reason in problem.reason


def test_password_of_the_store_in_the_file_is_refused_and_a_bare_address_is_not(installation: Installation) -> None:
    installation.replace("[service]", '[service]\nredis_url = "unix://:s3cret@/run/valkey.sock"')
    problem = installation.problem()
    assert problem.reason == "holds a password inline"
    assert "s3cret" not in str(problem)
    installation.replace(":s3cret@", "")
    installation.load()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "valkey:6379", "redis://", "redis://host:port/0"])
def test_address_that_is_no_redis_is_told(installation: Installation, url: str) -> None:
    installation.replace("[service]", f'[service]\nredis_url = "{url}"')
    problem = installation.problem()
    assert problem.key == "service.redis_url"
    assert "URL" in problem.reason


def test_public_url_is_https_in_production(installation: Installation) -> None:
    installation.replace("[service]", '[service]\npublic_url = "http://sync.msp.com"')
    assert installation.problem().key == "service.public_url"


def test_what_production_refuses_is_told_beside_other_faults_of_the_table(installation: Installation) -> None:
    installation.replace(SITE, "https://localhost")
    installation.replace("company =", "compnay =")
    assert {problem.key for problem in installation.problems()} == {
        "psa.main.site_url",
        "psa.main.compnay",
    }


@pytest.mark.parametrize("development", ["true", "false"])
def test_nobody_operates_through_flower_without_a_password(installation: Installation, development: str) -> None:
    installation.replace("[service]", f"[service]\ndevelopment = {development}\nflower_operations = true")
    text = installation.path.read_text(encoding="utf-8")
    installation.write("\n".join(line for line in text.splitlines() if "flower_basic_auth" not in line))
    assert any("flower_operations = true needs flower_basic_auth" in str(each) for each in installation.problems())
