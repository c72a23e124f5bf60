"""The kinds of value that a configuration holds, each with the sentence that refuses a wrong one."""

import ipaddress
import re
import socket
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, ValidationInfo

from adapters.store.address import read_sentinels
from worker.configuration.problems import nearest

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
RESERVED_SUFFIXES = (".localhost", ".test", ".example", ".invalid")  # RFC 6761: never a real service
SANDBOX_HOST = "sandbox"  # what docker-compose.yml calls the bundled one
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
HIGHEST_PORT = 65535


def parse_duration(value: Any) -> Any:
    """Turn "7d", "15m" or "90s" into seconds; a number is seconds already."""
    if not isinstance(value, str):
        return value
    match = DURATION.fullmatch(value.strip().lower())
    if match is None:
        raise ValueError('is no duration: write a number of seconds, or text like "90s", "15m", "12h" or "7d"')
    return float(match[1]) * SECONDS_PER_UNIT[match[2]]


def is_local_host(host: str) -> bool:
    """Tell this machine, the bundled sandbox and reserved names from a real service's host."""
    name = host.rstrip(".").casefold()
    if name in {"localhost", SANDBOX_HOST} or name.endswith(RESERVED_SUFFIXES):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        if ":" not in name:
            return ipaddress.IPv4Address(socket.inet_aton(name))  # takes 127.1 too, as the system's resolver does
        address = ipaddress.IPv6Address(name)
    except (OSError, ValueError):
        return None
    return address.ipv4_mapped or address


def split_url(value: str) -> SplitResult:
    """Split a URL. Raises ValueError for one that has no usable host or port."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError as exc:
        raise ValueError("is no URL") from exc
    return parts


def _check_url(value: str) -> str:
    parts = split_url(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL like https://host/path")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a bare address: no user, no ?query, no #fragment")
    return value.rstrip("/")


def _check_redis_url(value: SecretStr) -> SecretStr:
    if read_sentinels(value.get_secret_value()) is not None:
        return value
    parts = split_url(value.get_secret_value())
    if parts.scheme not in {"redis", "rediss", "unix"} or not (parts.hostname or parts.path):
        raise ValueError("must be a URL like redis://host:6379/0, rediss://… (TLS), unix:///path or sentinel://…")
    return value


def _check_notify_url(value: SecretStr) -> SecretStr:
    scheme, separator, rest = value.get_secret_value().partition("://")
    if not (separator and rest and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme)):
        raise ValueError("must be an Apprise URL like slack://… or mailtos://…; try it by `contact-sync notify test`")
    return value


def _check_heartbeat_url(value: SecretStr) -> SecretStr:
    parts = split_url(value.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL like https://host/path")
    return value


def _check_guid(value: str) -> str:
    try:
        return str(UUID(value.strip()))
    except ValueError as exc:
        raise ValueError("must be a GUID like 1b4e28ba-2fa1-11d2-883f-0016d3cca427") from exc


def _check_listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= HIGHEST_PORT:
        raise ValueError('must be host:port, like "127.0.0.1:8080"')
    return value


def _check_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as exc:
        hint = nearest(value, available_timezones())
        raise ValueError("is no time zone name, like Europe/Berlin" + (f"; {hint}" if hint else "")) from exc
    return value


def _check_basic_auth(value: SecretStr) -> SecretStr:
    user, _, password = value.get_secret_value().partition(":")
    if not user or not password:
        raise ValueError("must be user:password")
    return value


def parse_day(value: Any) -> Any:
    """Turn "2027-03-31" into a day; TOML's own dates are days already."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError as exc:
        raise ValueError('must be a day like "2027-03-31"') from exc


def _from_base(value: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base_dir", Path())
    return base / value


def _existing(value: Path) -> Path:
    if not value.is_file():
        raise ValueError(f"there is no file {value}")
    return value


def _number_to_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Identifier = Annotated[Text, BeforeValidator(_number_to_text, json_schema_input_type=str | int)]
"""A PSA's id: 250 and "250" are the same here, and text from here on."""
Seconds = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=float | str)]
Url = Annotated[Text, AfterValidator(_check_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
Guid = Annotated[Text, AfterValidator(_check_guid)]
Listen = Annotated[Text, AfterValidator(_check_listen)]
Timezone = Annotated[Text, AfterValidator(_check_timezone)]
BasicAuth = Annotated[SecretStr, AfterValidator(_check_basic_auth)]
NotifyUrl = Annotated[SecretStr, AfterValidator(_check_notify_url)]
HeartbeatUrl = Annotated[SecretStr, AfterValidator(_check_heartbeat_url)]
Secret = Annotated[SecretStr, StringConstraints(min_length=1)]
Expiry = Annotated[date, BeforeValidator(parse_day, json_schema_input_type=str)]
Folder = Annotated[Path, Field(strict=False), AfterValidator(_from_base)]
File = Annotated[Folder, AfterValidator(_existing)]
