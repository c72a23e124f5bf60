"""What an access token says of its own rights. Only for showing them: Graph alone decides by it."""

import base64
import binascii
import json

__all__ = ["read_roles"]


def read_roles(token: str) -> frozenset[str] | None:
    """Return the application permissions that a token carries; None for a token that cannot be read.

    The claim `roles` of app-only tokens (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
    The signature is not checked: nothing is allowed by what is found here.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - head, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        roles = claims.get("roles", [])
        return frozenset(role for role in roles if isinstance(role, str))
    except (binascii.Error, ValueError, AttributeError, TypeError):
        return None
