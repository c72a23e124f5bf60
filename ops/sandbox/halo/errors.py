"""HaloPSA's refusals, whose bodies come in many shapes. Which one is a setting: clients have met them all."""

from collections.abc import Callable

from ops.sandbox.http import Answer, html_answer, json_answer
from ops.sandbox.vendor import RefusalError

TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


class HaloError(RefusalError):
    """A refusal; the interface gives its body the shape that is set."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.message = message


def _text(status: int, message: str) -> Answer:
    return Answer(status, message.encode(), [("content-type", "text/plain; charset=utf-8")])


def _problem(status: int, message: str) -> Answer:
    title = "One or more validation errors occurred." if status == 400 else TITLES.get(status, "Error")
    return json_answer({"errors": {"": [message]}, "title": title, "status": status}, status)


SHAPES: dict[str, Callable[[int, str], Answer]] = {
    "exception": lambda status, text: json_answer({"ClassName": "System.Exception", "Message": text}, status),
    "message": lambda status, text: json_answer({"Message": text}, status),
    "error": lambda status, text: json_answer({"error": text}, status),
    "result": lambda status, text: json_answer({"resultCode": str(status), "errorMessage": text}, status),
    "problem": _problem,
    "string": lambda status, text: json_answer(text, status),
    "text": _text,
    "html": html_answer,
}


def shaped(shape: str, status: int, message: str) -> Answer:
    """A refusal in one of the shapes."""
    return SHAPES[shape](status, message)


def bad_request(message: str) -> HaloError:
    """Something in the request is wrong."""
    return HaloError(400, message)


def not_found(what: str, number: int) -> HaloError:
    """No such record."""
    return HaloError(404, f"{what} {number} was not found")
