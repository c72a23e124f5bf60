"""Which connectors a run is asked for: by name, by tag, or all. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from tasks.names import closest
from worker.cli.exits import Refusal

__all__ = ["choose"]


def choose(
    known: Mapping[str, Iterable[str]], *, names: Sequence[str], tags: Sequence[str], every: bool
) -> tuple[str, ...]:
    """Return the chosen connectors, each once, in the order of the configuration; `known` maps each to its tags.

    Raises Refusal for a name or tag that nobody has, and for no choice at all."""
    if every and (names or tags):
        raise Refusal("--all takes no connectors and no --tag besides")
    if not (every or names or tags):
        raise Refusal("which connectors?", hint=f"name them, or use --all or --tag; there are: {_listed(known)}")
    for name in names:
        if name not in known:
            raise Refusal(f"there is no connector {name!r}", hint=_nearest(name, known))
    tagged = {tag: {name for name, own in known.items() if tag in own} for tag in tags}
    for tag, found in tagged.items():
        if not found:
            raise Refusal(
                f"no connector has the tag {tag!r}",
                hint=_nearest(tag, {each for own in known.values() for each in own}),
            )
    chosen = set(known) if every else {*names}.union(*tagged.values())
    if not chosen:
        raise Refusal(
            "the configuration has no connectors", hint="add [connectors.NAME] and `contact-sync config apply`"
        )
    return tuple(name for name in known if name in chosen)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = closest(name, names)
    return f"did you mean {near!r}?" if near else f"there are: {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
