"""What an installation refuses unless service.development is true: doors that stand open, secrets that lie about."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, parse_qsl

from adapters.store.address import read_sentinels
from adapters.store.budgets import HORIZON_S
from worker.configuration.graph_app import GraphApp
from worker.configuration.layers import Merged
from worker.configuration.problems import Problem
from worker.configuration.psas import psa_kinds
from worker.configuration.references import Json, is_reference, text_of
from worker.configuration.service import ServiceSection, secret_fields
from worker.configuration.values import is_local_host, parse_duration, split_url

HINT = "only service.development = true allows this"
GRAPH_ADDRESSES = ("login_url", "graph_url")
SHORTEST_WRITE_S = 2 * HORIZON_S + 1  # two calls wait for the budget, and a second for the answers
SHORTEST_PASSWORD = 10  # characters, of what a person types
SHORTEST_TOKEN = 16  # of what a machine sends
FEWEST_CHARACTERS = 5
WEAK = "is weak: {} characters at least, and no repetition; `openssl rand -hex 24` makes a good one"
TRUE_WORDS = frozenset({"1", "true", "yes"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", "n", "f"})
PLAIN_SERVICES = frozenset({"apprise", "form", "gotify", "json", "matrix", "mmost", "nctalk", "rocket", "xml"})
"""Those of Apprise that are http where there is an s behind the name for https."""
ADDRESSES_FIRST = frozenset({"redis_url"})  # refused inline only with a password


def is_production(service: Json) -> bool:
    """Tell an installation to which this module applies."""
    return service.get("development", False) is False


def check_service(values: Json, merged: Merged) -> Iterator[Problem]:
    """Yield what is refused in [service]."""
    yield from _check_inline(secret_fields(ServiceSection) - ADDRESSES_FIRST, merged)
    if "flower_basic_auth" not in values:
        place = merged.locate(("flower_basic_auth",))
        yield Problem(*place, "is missing", f"without it Flower shows users' names to anyone; {HINT}")
    yield from _check_strength(str(text_of(values.get("flower_basic_auth")) or "").partition(":")[2], merged)
    yield from _check_write_deadline(values.get("timing"), merged)
    public_url = _split(values, "public_url")
    if public_url and public_url.scheme != "https":
        yield Problem(*merged.locate(("public_url",)), "must be https: Graph delivers nowhere else", HINT)
    heartbeat_url = _split(values, "heartbeat_url")
    if heartbeat_url and heartbeat_url.scheme != "https" and not _stays_here(heartbeat_url.hostname or ""):
        yield Problem(*merged.locate(("heartbeat_url",)), "must be https: who knows it can feign that we live", HINT)
    yield from _check_notify(values.get("notify"), merged)
    yield from _check_redis(str(text_of(values.get("redis_url")) or ""), merged)


def _check_notify(addresses: Any, merged: Merged) -> Iterator[Problem]:
    """Yield addresses of alerts through which names and tokens would go in the clear, or to anybody."""
    texts = map(text_of, addresses) if isinstance(addresses, list | tuple) else ()
    for number, text in enumerate(texts):
        url = _split({"notify": text}, "notify")
        if url is None or _stays_here(url.hostname or ""):
            continue
        place = merged.locate(("notify", number))
        if url.scheme in PLAIN_SERVICES:
            yield Problem(*place, f"goes without TLS: use {url.scheme}s://", HINT)
        elif dict(parse_qsl(url.query)).get("verify", "yes").lower() in FALSE_WORDS:
            yield Problem(*place, "goes without a check of the certificate", HINT)


def _check_strength(password: str, merged: Merged) -> Iterator[Problem]:
    if password and is_weak(password, shortest=SHORTEST_PASSWORD):
        yield Problem(*merged.locate(("flower_basic_auth",)), WEAK.format(SHORTEST_PASSWORD), HINT)


def _check_write_deadline(timing: Any, merged: Merged) -> Iterator[Problem]:
    """Yield a deadline that a busy budget alone would use up: a write behind it would be tried for ever."""
    try:
        deadline_s = parse_duration(timing.get("write_deadline_s")) if isinstance(timing, dict) else None
    except ValueError:  # told already
        return
    if isinstance(deadline_s, int | float) and deadline_s < SHORTEST_WRITE_S:
        reason = (
            f"must be {SHORTEST_WRITE_S:g} at least: a write and its login may wait {HORIZON_S:g} s each for a call"
        )
        yield Problem(*merged.locate(("timing", "write_deadline_s")), reason, HINT)


def is_weak(secret: str, *, shortest: int) -> bool:
    """Tell a secret that can be guessed: short, or of few different characters."""
    return len(secret) < shortest or len(set(secret)) < FEWEST_CHARACTERS


def check_api(values: Json, merged: Merged) -> Iterator[Problem]:
    """Yield the API tokens that stand in the file itself, or can be guessed."""
    resolved, tokens = values.get("tokens"), merged.values.get("tokens")
    for name, token in (resolved if isinstance(resolved, dict) else {}).items():
        text = text_of(token.get("token")) if isinstance(token, dict) else None
        if text and is_weak(text, shortest=SHORTEST_TOKEN):
            location = ("tokens", name, "token")
            yield Problem(*merged.locate(location), WEAK.format(SHORTEST_TOKEN), HINT)
    for name, token in (tokens if isinstance(tokens, dict) else {}).items():
        if isinstance(token, dict) and isinstance(token.get("token"), str):
            yield _inline(merged, ("tokens", name, "token"))


def check_vendor(values: Json, merged: Merged) -> Iterator[Problem]:
    """Yield what is refused of a vendor: inline secrets, plain http, this machine, the sandbox."""
    kind = psa_kinds().get(str(values.get("kind")))  # an app registration has none
    yield from _check_inline(secret_fields(kind.settings if kind else GraphApp), merged)
    for key in kind.addresses if kind else GRAPH_ADDRESSES:
        url = _split(values, key)
        if url and url.hostname:
            if url.scheme != "https":
                yield Problem(*merged.locate((key,)), "must be https: secrets go there", HINT)
            if is_local_host(url.hostname):
                yield Problem(*merged.locate((key,)), f"{url.hostname} is no vendor's host", HINT)


def _check_redis(redis_url: str, merged: Merged) -> Iterator[Problem]:
    place = merged.locate(("redis_url",))
    try:
        urls = _ways_to(redis_url)
    except ValueError:  # told already
        return
    if any(url.password for url in urls) and not is_reference(merged.values["redis_url"]):
        yield Problem(*place, "holds a password inline", 'write the whole URL as { env = "NAME" } or { file = "path" }')
    for reason in dict.fromkeys(reason for url in urls for reason in _open_doors(url)):
        yield Problem(*place, reason, HINT)


def _ways_to(redis_url: str) -> list[SplitResult]:
    """Return the addresses that are spoken to: one, or each Sentinel's with its own password and with the servers'."""
    sentinels = read_sentinels(redis_url)
    if sentinels is None:
        return [split_url(redis_url)] if redis_url else []
    scheme, query = ("rediss" if sentinels.tls else "redis"), redis_url.partition("?")[2]
    logins = (sentinels.login, sentinels.sentinel_login)
    return [split_url(f"{url}?{query}") for login in logins for url in sentinels.urls(scheme, login)]


def _open_doors(url: SplitResult) -> Iterator[str]:
    if not url.hostname or not url.scheme.startswith("redis"):  # who may open a socket, its folder's mode says
        return
    leaves = not _stays_here(url.hostname)
    if leaves and url.scheme != "rediss":
        yield "leaves this machine without TLS: use rediss://, or sentinels://"
    elif leaves and not _checks_certificate(url):
        yield "leaves this machine without a check of the certificate"
    if not url.password:
        yield "has no password: whoever reaches that port reads and writes everything"
    elif is_weak(url.password, shortest=SHORTEST_PASSWORD):
        yield f"has a password that {WEAK.format(SHORTEST_PASSWORD)}"


def _checks_certificate(url: SplitResult) -> bool:
    options = dict(parse_qsl(url.query))
    is_required = options.get("ssl_cert_reqs", "required") == "required"
    return is_required and options.get("ssl_check_hostname", "true").lower() in TRUE_WORDS


def _is_container_name(host: str) -> bool:
    """Tell a single label, as the name of a service on the private network of its containers."""
    return host[:1].isalpha() and not {".", ":"} & set(host)


def _stays_here(host: str) -> bool:
    return is_local_host(host) or _is_container_name(host)


def _check_inline(keys: frozenset[str], merged: Merged) -> Iterator[Problem]:
    for key in sorted(keys & set(merged.values)):
        value = merged.values[key]
        if isinstance(value, str) or (isinstance(value, list) and any(isinstance(each, str) for each in value)):
            yield _inline(merged, (key,))


def _inline(merged: Merged, location: tuple[str, ...]) -> Problem:
    hint = f'write {{ env = "NAME" }} or {{ file = "path" }}; {HINT}'
    return Problem(*merged.locate(location), "a secret does not stand in the file", hint)


def _split(values: Json, key: str) -> SplitResult | None:
    text = text_of(values.get(key))
    try:
        return split_url(text) if text else None
    except ValueError:
        return None
