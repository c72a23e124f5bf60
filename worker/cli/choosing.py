"""Which connectors a command is for: by name, by tag, by PSA instance, or all. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

from tasks.connector import Connector
from tasks.names import closest
from worker.cli.exits import Refusal

__all__ = ["Every", "Psas", "Tags", "choose"]

Every = Annotated[bool, typer.Option("--all", help="Every connector.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Connectors with this tag; repeatable.")]
Psas = Annotated[
    list[str] | None,
    typer.Option("--psa", metavar="NAME", help="Connectors of this [psa.NAME], and of those chosen only; repeatable."),
]


def choose(
    known: Mapping[str, Connector],
    *,
    names: Sequence[str] = (),
    tags: Sequence[str] = (),
    psas: Sequence[str] = (),
    every: bool = False,
) -> tuple[str, ...]:
    """Return the chosen connectors, each once, in the order of the configuration.

    Names and tags add to each other; PSA instances narrow what they choose, and alone choose all of theirs. Raises
    Refusal for a name, tag or PSA that nobody has, and for a choice of nobody."""
    if every and (names or tags):
        raise Refusal("--all takes no connectors and no --tag besides")
    if not (every or names or tags or psas):
        hint = f"name them, or use --all, --tag or --psa; there are: {_listed(known)}"
        raise Refusal("which connectors?", hint=hint)
    for name in names:
        if name not in known:
            raise Refusal(f"there is no connector {name!r}", hint=_nearest(name, known))
    tagged = _having(tags, {name: each.tags for name, each in known.items()}, "no connector has the tag")
    of_psas = _having(psas, {name: (each.psa,) for name, each in known.items()}, "no connector has the PSA")
    chosen = {*names, *tagged} if names or tags else set(known)
    if psas:
        chosen &= of_psas
    if not known:
        hint = "add [connectors.NAME] and `contact-sync config apply`"
        raise Refusal("the configuration has no connectors", hint=hint)
    if not chosen:
        raise Refusal("no connector is left: those that were chosen have another PSA")
    return tuple(name for name in known if name in chosen)


def _having(wanted: Sequence[str], owned: Mapping[str, Iterable[str]], complaint: str) -> set[str]:
    """Return the connectors that own one of these words. Raises Refusal for a word that nobody owns."""
    for word in wanted:
        if not any(word in own for own in owned.values()):
            raise Refusal(
                f"{complaint} {word!r}", hint=_nearest(word, {each for own in owned.values() for each in own})
            )
    return {name for name, own in owned.items() if set(wanted) & set(own)}


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = closest(name, names)
    return f"did you mean {near!r}?" if near else f"there are: {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
