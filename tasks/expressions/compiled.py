"""Filters, rules and mappings as Jinja2 expressions over one user: compiled and checked once, then called per user.

Null is the normal case: a condition over a missing value is false, a template of one is empty. What is wrong with an
expression shows when it is compiled, because it is tried on an empty, a full and a bare user.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Never

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser

from adapters.records import User
from tasks.expressions.language import EXTENSIONS, FIELDS, UserView, build_environment
from tasks.names import closest
from tasks.phones import is_country

__all__ = ["SAMPLE_USER", "Condition", "ExpressionError", "Template", "compile_condition", "compile_template"]

COMPILED_TEMPLATES = 1000  # a mapping has a dozen, and most connectors share the defaults'

_ENVIRONMENT = build_environment()
_FAULTS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    re.error,
)
_TEXT_FIELDS = {name for name, info in User.model_fields.items() if info.annotation in (str, str | None)}
_LIST_FIELDS = {name for name, info in User.model_fields.items() if info.annotation == tuple[str, ...]}


class ExpressionError(ValueError):
    """An expression that cannot be compiled or evaluated: its text, the reason, and what was probably meant."""

    def __init__(self, text: str, reason: str, suggestion: str | None = None) -> None:
        """Keep the three parts; the message is made of them."""
        self.text, self.reason, self.suggestion = text, reason, suggestion
        super().__init__(f"{reason} in {text!r}" + (f": {suggestion}" if suggestion else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling."""
        return type(self), (self.text, self.reason, self.suggestion)


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. Calling it raises ExpressionError if it cannot be evaluated for this user."""

    text: str
    _evaluate: Callable[[User], object] = field(repr=False)

    def __call__(self, user: User) -> bool:
        """Tell whether it holds for this user."""
        try:
            return bool(self._evaluate(user))
        except _FAULTS as exc:
            raise ExpressionError(self.text, _reason(exc)) from exc


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `properties` are the user's fields (our names) that it reads."""

    text: str
    properties: frozenset[str]
    _render: Callable[[User], str] = field(repr=False)

    def __call__(self, user: User) -> str:
        """Return the text for this user, trimmed; "" where there is none. Raises ExpressionError."""
        try:
            return self._render(user)
        except _FAULTS as exc:
            raise ExpressionError(self.text, _reason(exc)) from exc


def compile_condition(text: str) -> Condition:
    """Compile a condition such as `user.department in ['Sales', 'IT']`. Raises ExpressionError."""
    if "{{" in text or "{%" in text:
        raise ExpressionError(text, "a condition is a bare expression", "write it without {{ }}")
    try:
        expression = Parser(_ENVIRONMENT, text, state="variable").parse_expression()
        _check(text, nodes.Template([nodes.Output([expression], lineno=1)], lineno=1))
        compiled = _ENVIRONMENT.compile_expression(text)
    except _FAULTS as exc:
        _fail(text, exc)
    _check_lone_texts(text, expression)
    if isinstance(expression, nodes.Const) and not isinstance(expression.value, bool):
        raise ExpressionError(text, "the condition is a constant", "compare something with it")
    condition = Condition(text, lambda user: compiled(user=UserView(user)))
    _try_out(condition)
    return condition


def _check_lone_texts(text: str, expression: nodes.Expr) -> None:
    """Refuse `user.department == 'Sales' or 'IT'`: the text is compared with nothing, and so always true."""
    pairs = [expression, *expression.find_all((nodes.And, nodes.Or))]
    sides = [side for pair in pairs if isinstance(pair, nodes.And | nodes.Or) for side in (pair.left, pair.right)]
    lone = [side.value for side in sides if isinstance(side, nodes.Const) and isinstance(side.value, str)]
    if lone:
        hint = "compare with a list, as in user.department in ['Sales', 'IT']"
        raise ExpressionError(text, f"{lone[0]!r} is compared with nothing", hint)


@lru_cache(COMPILED_TEMPLATES)
def compile_template(text: str) -> Template:
    """Compile a template such as `{{ user.jobTitle }}`, once for all connectors that use it. Raises ExpressionError."""
    if "{{" not in text and "{%" not in text and "user." in text:
        raise ExpressionError(text, "the template is plain text", "put what is to be looked up into {{ }}")
    try:
        tree = _ENVIRONMENT.parse(text)
        properties = _check(text, tree)
        template = Template(text, properties, _plain(tree) or _jinja(text))
    except _FAULTS as exc:
        _fail(text, exc)
    _try_out(template)
    return template


def _jinja(text: str) -> Callable[[User], str]:
    compiled = _ENVIRONMENT.from_string(text)
    return lambda user: compiled.render(user=UserView(user)).strip()


def _plain(tree: nodes.Template) -> Callable[[User], str] | None:
    """Return a direct reader for what most mappings consist of: a property, its first value, a constant."""
    match tree.body:
        case []:
            return lambda _user: ""
        case [nodes.Output(nodes=[nodes.TemplateData(data=data)])]:
            constant = data.strip()
            return lambda _user: constant
        case [nodes.Output(nodes=[nodes.Getattr(node=nodes.Name(name="user"), attr=attr)])] if (
            FIELDS[attr] in _TEXT_FIELDS
        ):
            return _text_reader(FIELDS[attr])
        case [
            nodes.Output(
                nodes=[
                    nodes.Filter(
                        name="first", args=[], kwargs=[], node=nodes.Getattr(node=nodes.Name(name="user"), attr=attr)
                    )
                ]
            )
        ] if FIELDS[attr] in _LIST_FIELDS:
            return _first_reader(FIELDS[attr])
    return None


def _text_reader(name: str) -> Callable[[User], str]:
    def read(user: User) -> str:
        value: str | None = getattr(user, name)
        return value.strip() if value else ""

    return read


def _first_reader(name: str) -> Callable[[User], str]:
    def read(user: User) -> str:
        values: tuple[str, ...] = getattr(user, name)
        return values[0].strip() if values else ""

    return read


def _check(text: str, tree: nodes.Template) -> frozenset[str]:
    """Refuse unknown names, filters, tests and properties; return the user's fields that are read."""
    tree.set_environment(_ENVIRONMENT)
    for kind, known in ((nodes.Filter, _ENVIRONMENT.filters), (nodes.Test, _ENVIRONMENT.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                _unknown(text, kind.__name__.lower(), node.name, known)
    for name in sorted(find_undeclared_variables(tree) - {"user"}):
        raise ExpressionError(text, f"unknown name {name!r}", _meant_by(name))
    for node in tree.find_all(nodes.Filter):
        _check_country(text, node)
    return _check_properties(text, tree)


def _meant_by(name: str) -> str:
    meant = "user" if name.casefold() == "user" else closest(name, FIELDS)
    if meant is None:
        return f"text stands in quotes: '{name}'; properties are written user.…"
    return f"did you mean {'user' if meant == 'user' else f'user.{meant}'}?"


def _check_country(text: str, node: nodes.Filter) -> None:
    """Refuse a country that is written out and none of the two letters that numbers are told apart by."""
    given = [*node.args, *(each.value for each in node.kwargs)] if node.name.startswith("phone_") else []
    for each in given:
        if isinstance(each, nodes.Const) and not is_country(str(each.value)):
            raise ExpressionError(text, f"unknown country {each.value!r}", "write two letters, like 'DE' or 'US'")


def _check_properties(text: str, tree: nodes.Template) -> frozenset[str]:
    found: set[str] = set()
    accessed = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = _accessed_name(node)
        owner: nodes.Node = node.node  # type: ignore[attr-defined] # both kinds have it, their common base has not
        if isinstance(owner, nodes.Name) and owner.name == "user" and name is not None:
            if name not in FIELDS:
                _unknown(text, "property", f"user.{name}", [f"user.{known}" for known in FIELDS])
            accessed.add(id(owner))
            found.add(FIELDS[name])
        elif _accessed_name(owner) == "onPremisesExtensionAttributes" and name not in EXTENSIONS:
            raise ExpressionError(text, f"unknown property {name!r}", f"there are {EXTENSIONS[0]} to {EXTENSIONS[-1]}")
    if any(node.name == "user" and id(node) not in accessed for node in tree.find_all(nodes.Name)):
        raise ExpressionError(text, "`user` alone has no value", "name one of its properties, as in user.mail")
    return frozenset(found)


def _accessed_name(node: nodes.Node) -> str | None:
    match node:
        case nodes.Getattr(attr=str(name)):
            return name
        case nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
    return None


def _unknown(text: str, what: str, name: str, known: Any) -> Never:
    meant = closest(name, known)
    raise ExpressionError(text, f"unknown {what} {name!r}", f"did you mean {meant}?" if meant else None)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TemplateSyntaxError):
        return f"line {exc.lineno}: {exc.message}"
    if "'in <string>' requires" in str(exc):
        return "`in` wants a list behind it, like ['Sales', 'IT'],"
    return str(exc) or type(exc).__name__


def _fail(text: str, exc: BaseException) -> Never:
    if isinstance(exc, ExpressionError):
        raise exc
    suggestion = "compare with ==" if " = " in text and "==" not in text else None
    raise ExpressionError(text, _reason(exc), suggestion) from exc


# --- the users on which every expression is tried when it is compiled -----------------------------------------------

_ID = "00000000-0000-4000-8000-000000000001"
_EMPTY = User(id=_ID)
_FULL = User(
    id=_ID,
    user_principal_name="first.last@tenant.example",
    display_name="First Last",
    given_name="First",
    surname="Last",
    mail="first.last@tenant.example",
    other_mails=("first@home.example",),
    proxy_addresses=("SMTP:first.last@tenant.example", "smtp:f.last@tenant.example"),
    job_title="Buyer",
    department="Sales",
    company_name="Tenant",
    office_location="Berlin",
    business_phones=("+49 30 123456",),
    mobile_phone="+49 170 1234567",
    fax_number="+49 30 123457",
    street_address="Street 1",
    city="Berlin",
    state="Berlin",
    postal_code="10115",
    country="Germany",
    usage_location="DE",
    preferred_language="de-DE",
    employee_id="1001",
    employee_type="Employee",
    account_enabled=True,
    user_type="Member",
    created_date_time="2024-05-01T08:00:00Z",
    on_premises_sync_enabled=True,
    assigned_licenses=("05e9a617-0261-4cee-bb44-138d3ef5d965",),
    on_premises_extension_attributes=dict.fromkeys(EXTENSIONS, "value"),
)
_BARE = User(
    id=_ID, user_principal_name="x@tenant.example", display_name="X", mail="x@tenant.example", account_enabled=False
)


SAMPLE_USER = _FULL
"""A user who has everything; what a template makes of it shows whether it fits the PSA's field."""


def _try_out(compiled: Condition | Template) -> None:
    for user in (_EMPTY, _FULL, _BARE):
        compiled(user)
