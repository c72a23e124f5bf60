"""Autotask PSA's refusals: one shape, and 500 for most of them. autotask.net developer help, "Error handling"."""

from ops.sandbox.http import Answer, Headers, Json, json_answer
from ops.sandbox.vendor import RefusalError

RIGHTS = "The logged in Resource does not have the adequate permissions to {verb} {entity}."
NOTHING_FOUND = (
    "No message. No matching records found. "
    "The logged in Resource may not have the required permissions to delete the data."
)
THREADS = (
    "Thread Threshold Exceeded: the thread threshold of {most} threads has been exceeded for this endpoint. "
    "(Itgenatr005)"
)
HOUR = "The request threshold of {most} requests has been exceeded for this database."


class AutotaskError(RefusalError):
    """A refusal, by default as a 500 with texts."""

    def __init__(self, *texts: str, status: int = 500) -> None:
        super().__init__(status, {"errors": list(texts)})


def wrong_verb(method: str) -> Answer:
    """No such verb at this address."""
    message = f"The requested resource does not support http method '{method}'."
    return json_answer({"Message": message}, 405)


def no_resource(path: str) -> Answer:
    """No such address."""
    return json_answer({"Message": f"No HTTP resource was found that matches the request URI '{path}'."}, 404)


def throttled(text: str, status: int, headers: Headers) -> Answer:
    """Too much at once, or in an hour."""
    body: Json = {"errors": [text]}
    return json_answer(body, status, headers)


def unknown_field(name: str, entity: str) -> AutotaskError:
    """A field that the entity has not."""
    return AutotaskError(f"Unable to find {name} in the {entity} Entity.")


def missing_field(name: str) -> AutotaskError:
    """A required field without a value."""
    return AutotaskError(f"Missing Required Field: {name}")


def bad_reference(name: str) -> AutotaskError:
    """A reference to nothing, or to something inactive."""
    return AutotaskError(f"Reference value on field: {name} of type: Int32 does not exist or is invalid.")


def bad_json(value: str, name: str) -> AutotaskError:
    """A value of another JSON type than the field's."""
    return AutotaskError(f"Unexpected character encountered while parsing value: {value}. Path '{name}', line 1.")
