"""Where the store is: one server by its URL, or the primary that Sentinels name; the options of TLS in an address."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

__all__ = ["SENTINEL", "Sentinels", "read_sentinels", "split_tls"]

SENTINEL, SENTINEL_TLS = "sentinel", "sentinels"
SCHEMES = (SENTINEL, SENTINEL_TLS)
PORT = 26379
ADDRESS = re.compile(r"(?P<scheme>\w+)://(?P<netloc>[^/?#]*)(?P<rest>.*)", re.DOTALL)
KEYS = frozenset({"primary", "sentinel_password"})
REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True)
class Sentinels:
    """Sentinels, and the primary they watch over: `sentinel://:PASSWORD@HOST:PORT,HOST:PORT/DB?primary=NAME`.

    `login` is the servers', `sentinel_login` the Sentinels'. `tls` holds redis-py's options, none without TLS."""

    hosts: tuple[tuple[str, int], ...]
    primary: str
    db: int
    login: Mapping[str, str]
    sentinel_login: Mapping[str, str]
    tls: Mapping[str, Any]

    def urls(self, scheme: str, login: Mapping[str, str]) -> list[str]:
        """Return an address for each Sentinel, with this login in it."""
        user, password = (quote(login.get(name, ""), safe="") for name in ("username", "password"))
        before = f"{user}:{password}@" if password else ""
        hosts = [(f"[{host}]" if ":" in host else host, port) for host, port in self.hosts]
        return [f"{scheme}://{before}{host}:{port}/{self.db}" for host, port in hosts]


def read_sentinels(redis_url: str) -> Sentinels | None:
    """Read an address that names Sentinels; None is another kind. Raises ValueError with what is wrong with it."""
    match = ADDRESS.match(redis_url)
    if match is None or match["scheme"].lower() not in SCHEMES:
        return None
    login, _, hosts = match["netloc"].rpartition("@")
    parts = urlsplit(f"{match['scheme']}://{match['rest']}")  # which knows no list of hosts
    options, tls = split_tls(parts)
    unknown = sorted(set(options) - KEYS)
    if unknown:
        raise ValueError(f"knows no option {unknown[0]}")
    if not options.get("primary"):
        raise ValueError("must name the primary that the Sentinels watch: ?primary=NAME")
    db = parts.path.removeprefix("/") or "0"
    if not db.isdecimal():
        raise ValueError("must name a database by its number, like /0")
    user, _, password = login.partition(":")
    stated = {"username": unquote(user), "password": unquote(password)}
    sentinel_password = options.get("sentinel_password", "")
    return Sentinels(
        hosts=tuple(_read_host(host) for host in hosts.split(",")),
        primary=options["primary"],
        db=int(db),
        login={name: value for name, value in stated.items() if value},
        sentinel_login={"password": sentinel_password} if sentinel_password else {},
        tls={"ssl": True, **tls} if parts.scheme == SENTINEL_TLS else {},
    )


def split_tls(parts: SplitResult) -> tuple[dict[str, str], dict[str, Any]]:
    """Part an address's options into the others and those of TLS, as redis-py takes them; certificates are checked."""
    stated = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls: dict[str, Any] = {name: value for name, value in stated.items() if name.startswith("ssl_")}
    others = {name: value for name, value in stated.items() if name not in tls}
    tls["ssl_cert_reqs"] = REQUIREMENTS.get(tls.get("ssl_cert_reqs", "required"), ssl.CERT_REQUIRED)
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = tls["ssl_check_hostname"].lower() in {"1", "true", "yes"}
    return others, tls


def _read_host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port or PORT
    except ValueError as exc:
        raise ValueError("must name Sentinels like HOST:26379,HOST:26379") from exc
    if not host:
        raise ValueError("must name Sentinels like HOST:26379,HOST:26379")
    return host, port
