"""When a field that differs is written, by its policy, and what becomes of an edit made in the PSA. Pure."""

from base64 import urlsafe_b64encode
from hashlib import blake2b

from tasks.connector import FieldRule

VALUE_DIGEST_BYTES = 6  # kept per user and field; a value is compared with one other, never searched for


def may_write(rule: FieldRule, wanted: str, *, current: str | None, written: str | None) -> bool:
    """Tell whether a difference is written; `wanted` and `written` are digests."""
    match rule.update:
        case "always":
            return True
        case "if_empty":
            return not current
        case "source_changed":
            return written != wanted
        case "on_create" | "never":
            return False


def fate_of(rule: FieldRule, *, writes: bool) -> str:
    """Say what becomes of an edit, and how to have it otherwise."""
    match rule.update, writes:
        case "always", _:
            return 'it is overwritten from Microsoft 365; to keep such edits, set update = "source_changed"'
        case "source_changed", True:
            return "it is overwritten, because the value in Microsoft 365 changed, too"
        case "source_changed", False:
            return "the edit stays until the value in Microsoft 365 changes; correct that one, if the edit is right"
        case _, True:
            return 'it was emptied, and is filled again; to leave it empty, set update = "on_create"'
    return f'the edit stays, because of update = "{rule.update}"; to have it overwritten, use "always"'


def digest_of(text: str, *, size: int = 9) -> str:
    """Return a short digest in letters, equal on every machine."""
    return urlsafe_b64encode(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()).decode()
