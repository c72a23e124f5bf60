"""The words of the expression language: what null does, which filters and tests exist, and what `user` shows.

Compiling and checking are in expressions.py."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Never

from jinja2 import ChainableUndefined, Undefined
from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from adapters.records import User
from tasks import names, phones
from tasks.addresses import fold_address, smtp_addresses

FIELDS: dict[str, str] = {field.alias or name: name for name, field in User.model_fields.items()}
"""Graph's property name → our field name."""

EXTENSIONS = tuple(f"extensionAttribute{number}" for number in range(1, 16))
_TENANT_DOMAIN = re.compile(r"@[^@]+\.onmicrosoft\.(com|us|cn)$", re.IGNORECASE)
_BUILT_IN_FILTERS = "capitalize first join last length list lower replace sort string title trim unique upper"
_BUILT_IN_TESTS = "eq == equalto ne != gt > ge >= lt < le <= in false true boolean string defined undefined"


class Null(ChainableUndefined):
    """A property without a value, and all that is asked of one: empty as text and list, false, equal to none."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[TemplateRuntimeError] = UndefinedError,
    ) -> None:
        """Refuse what is no missing value but a misspelt or forbidden attribute of one that exists."""
        super().__init__(hint, obj, name, exc)
        if isinstance(name, str) and obj is not missing and not isinstance(obj, Null):
            raise exc(self._undefined_message)

    def __call__(self, *_args: Any, **_kwargs: Any) -> "Null":  # type: ignore[override] # the base always raises
        """Answer a method of nothing with nothing."""
        return self

    def __contains__(self, _item: object) -> bool:
        """Hold nothing."""
        return False

    def __eq__(self, other: object) -> bool:
        """Equal none."""
        return other is None or isinstance(other, Null)

    def __hash__(self) -> int:
        """Hash as none does, to be equal to it in sets."""
        return hash(None)

    def __lt__(self, _other: object) -> bool:  # type: ignore[override] # the base always raises
        """Be neither before nor after anything."""
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment] # the base always raises


NULL = Null("null cannot be reckoned with: join texts with `~`, give a value with `| default('…')`")


class UserView:
    """A user under Graph's property names."""

    __slots__ = ("_user",)

    def __init__(self, user: User) -> None:
        """Show this user."""
        self._user = user

    def __getattr__(self, name: str) -> Any:
        """Return a property, null as `NULL`."""
        value = getattr(self._user, FIELDS[name])
        if isinstance(value, dict):
            return ExtensionView(value)
        return NULL if value is None else value


class ExtensionView:
    """onPremisesExtensionAttributes: all fifteen names exist, whether Graph gave them or not."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str | None]) -> None:
        """Show these values."""
        self._values = values

    def __getattr__(self, name: str) -> Any:
        """Return an attribute, null as `NULL`."""
        value = self._values.get(name)
        return NULL if value is None else value


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        _refuse_to_print(value)
    return "" if value is None else str(value)


def _is_match(value: object, pattern: str) -> bool:
    compiled = _pattern(pattern)  # before the look at null: a broken pattern shows at load
    return isinstance(value, str) and compiled.match(value) is not None


def _is_search(value: object, pattern: str) -> bool:
    compiled = _pattern(pattern)
    return isinstance(value, str) and compiled.search(value) is not None


def _is_startswith(value: object, start: str) -> bool:
    return isinstance(value, str) and value.casefold().startswith(start.casefold())


def _is_endswith(value: object, end: str) -> bool:
    return isinstance(value, str) and value.casefold().endswith(end.casefold())


def _is_containing(value: object, part: str) -> bool:
    return isinstance(value, str) and part.casefold() in value.casefold()


def _is_none(value: object) -> bool:
    return value is None or isinstance(value, Undefined)


def _is_blank(value: object) -> bool:
    return not value or (isinstance(value, str) and not value.strip())


def _default(value: object, other: object = "", _boolean: object = None) -> object:
    return other if _is_blank(value) and not isinstance(value, bool | int) else value


def _title_case(value: object) -> str:
    """Write `O'BRIEN-smith` as `O'Brien-Smith`; a word of mixed case (`McDonald`) stays."""
    return re.sub(r"[^\W\d_]+", lambda word: _capitalize(word[0]), names.collapse(_text(value)))


def _capitalize(word: str) -> str:
    return word if len(word) > 1 and not (word.islower() or word.isupper()) else word[:1].upper() + word[1:].lower()


def _first_alias(values: object) -> object:
    """Return the first `smtp:` address that is neither the primary one nor the tenant's own onmicrosoft address."""
    aliases = [value for value in values if value.startswith("smtp:")] if isinstance(values, tuple | list) else []
    return next((alias for alias in smtp_addresses(aliases) if not _TENANT_DOMAIN.search(alias)), NULL)


def _digits(value: object) -> str:
    return re.sub(r"\D", "", _text(value))


def _truncate_chars(value: object, length: int) -> str:
    return names.cut(_text(value), length)


def _int(value: object, default: int = 0) -> int:
    """Read a whole number; nothing, and what is no number, is the default."""
    try:
        return int(_text(value).strip())
    except ValueError:
        return default


def _country(value: object) -> str | None:
    return _text(value) or None


FILTERS: dict[str, Callable[..., object]] = {
    "d": _default,
    "default": _default,
    "digits": _digits,
    "first_alias": _first_alias,
    "int": _int,
    "fold": lambda value: fold_address(_text(value)),
    "phone_e164": lambda value, country=None: phones.to_e164(_text(value), _country(country)),
    "phone_national": lambda value, country=None: phones.to_national(_text(value), _country(country)),
    "title_case": _title_case,
    "truncate_chars": _truncate_chars,
}
TESTS: dict[str, Callable[..., bool]] = {
    "blank": _is_blank,
    "containing": _is_containing,
    "endswith": _is_endswith,
    "match": _is_match,
    "none": _is_none,
    "search": _is_search,
    "startswith": _is_startswith,
}


def build_environment() -> ImmutableSandboxedEnvironment:
    """Return the sandbox: only `user`, only filters and tests whose answer depends on their input alone."""
    environment = ImmutableSandboxedEnvironment(undefined=Null, autoescape=False, finalize=_finalize, cache_size=0)
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _BUILT_IN_FILTERS.split()} | FILTERS
    environment.tests = {name: environment.tests[name] for name in _BUILT_IN_TESTS.split()} | TESTS
    return environment


def _finalize(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str | int | float | Undefined):
        return value
    return _refuse_to_print(value)


def _refuse_to_print(value: object) -> Never:
    if isinstance(value, tuple | list):
        raise TypeError("the result is a list: pick one value with `| first`, or put them together with `| join(', ')`")
    raise TypeError(f"the result is no text but {type(value).__name__}: a call without its parentheses?")
