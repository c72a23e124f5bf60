"""Fills the vendors: which tenants there are, who is in them, what the PSA holds."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from ops.sandbox.cast import CONTACT_STATES, Casting, quota
from ops.sandbox.http import Json
from ops.sandbox.names import COMPANIES
from ops.sandbox.nasties import Nasties
from ops.sandbox.people import Cast

NASTY_FROM = 200  # smaller tenants are plain
DEFAULT_SIZES = (12, 5)
FIRST_COMPANY, SECOND_COMPANY = 250, 300


@dataclass(frozen=True)
class Seed:
    """What was asked for. `sizes` holds every tenant's number of users."""

    sizes: tuple[int, ...]
    seed: int
    tenants: Any = field(default=3, compare=False)

    def as_json(self) -> Json:
        """The request, for the control API."""
        return {"users": self.sizes[0], "seed": self.seed, "tenants": self.tenants}


def parse_seed(body: Json) -> Seed:
    """Read a seed request; raises ValueError."""
    users, seed, tenants = body.get("users", 500), body.get("seed", 7), body.get("tenants", 3)
    if not isinstance(users, int) or users < 0 or not isinstance(seed, int):
        raise ValueError("users and seed must be numbers")
    if isinstance(tenants, list):
        others = tuple(int(size) for size in tenants)
    elif isinstance(tenants, int) and tenants >= 1:
        others = tuple(DEFAULT_SIZES[number] if number < len(DEFAULT_SIZES) else 5 for number in range(tenants - 1))
    else:
        raise ValueError("tenants must be a number from 1 or a list of sizes")
    return Seed((users, *others), seed, tenants)


def company_of(number: int) -> int:
    """The PSA company of the n-th tenant, from 0."""
    return FIRST_COMPANY if number == 0 else SECOND_COMPANY + number - 1


def name_of(number: int) -> str:
    """The name of the n-th tenant and its company."""
    return COMPANIES[number] if number < len(COMPANIES) else f"Customer {number + 1}"


def domain_of(number: int) -> str:
    """The mail domain of the n-th tenant."""
    return "contoso.example" if number == 0 else f"customer{number + 1}.example"


def build_cast(number: int, seed: Seed) -> Cast:
    """The people of the n-th tenant: those out of scope, nasty ones, those with contacts, the rest without."""
    size = seed.sizes[number]
    casting = Casting(domain_of(number), company_of(number), Random(f"{seed.seed}/{number}"))
    casting.add_out_of_scope(size)
    if size >= NASTY_FROM:
        Nasties(casting).add()
    for state, per_scale in CONTACT_STATES.items():
        for _ in range(quota(per_scale, size)):
            casting.add_known(state)
    if size >= NASTY_FROM:
        casting.add_known("company_default")
    while len(casting.cast.users) < size:
        casting.add(casting.ordinary())
    casting.add_strangers(size)
    users = casting.cast.users
    casting.rng.shuffle(users)
    for index, user in enumerate(users):
        if index % 10:
            casting.cast.managers[user["id"]] = users[index - index % 10]["id"]
    return casting.cast
