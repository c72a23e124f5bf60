import base64
import json

import pytest

from adapters.graph.claims import read_roles


def token(claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.c2ln"


def test_roles_are_those_of_the_claim() -> None:
    assert read_roles(token({"roles": ["User.Read.All", "Mail.Read"]})) == frozenset({"User.Read.All", "Mail.Read"})


def test_token_without_roles_grants_nothing() -> None:
    assert read_roles(token({"aud": "graph"})) == frozenset()


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "e30.!!!.x", "e30.bm8.x", token([]), token({"roles": 7})])
def test_token_that_cannot_be_read_tells_nothing(text: str) -> None:
    assert read_roles(text) is None
