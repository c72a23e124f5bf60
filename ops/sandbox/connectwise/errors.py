"""ConnectWise PSA's refusals. developer.connectwise.com: "Developer Guide", chapters on errors and rate limiting."""

from ops.sandbox.http import Json
from ops.sandbox.vendor import RefusalError


class PsaError(RefusalError):
    """A refusal of ConnectWise."""


def not_found(what: str, number: int | str) -> PsaError:
    """No such record."""
    return PsaError(404, {"code": "NotFound", "message": f"{what} {number} not found"})


def no_endpoint() -> PsaError:
    """No such path, or a codebase that is over."""
    return PsaError(404, {"code": "ConnectWiseApi", "message": "The endpoint does not exist."})


def bad_condition(text: str) -> PsaError:
    """A condition that cannot be understood."""
    return PsaError(400, {"code": "ConnectWiseApi", "message": f"Your condition is invalid: {text}", "errors": None})


def field_error(field: str, message: str, code: str = "InvalidField") -> Json:
    """One inner error."""
    return {"code": code, "message": message, "resource": "contact", "field": field}


def invalid(errors: list[Json], resource: str = "contact") -> PsaError:
    """A record that is refused, with one inner error for each reason."""
    return PsaError(400, {"code": "InvalidObject", "message": f"{resource} object is invalid", "errors": errors})


def bad_patch(message: str) -> PsaError:
    """A patch document that is wrong in itself."""
    return PsaError(
        400, {"code": "InvalidObject", "message": message, "errors": [field_error("patch", message, "InvalidObject")]}
    )
