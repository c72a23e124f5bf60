"""The whole error tree. The branch of an error says what to do next; decide with isinstance on the branch."""

from typing import Any


class SyncError(Exception):
    """Anything the outside did to us. `reason` is a stable slug: metric label and runbook anchor.

    The message is made of the fields alone, so it can be logged: no body, no token, no personal data.
    """

    vendor_code: str | None = None  # the vendor's own slug where it sent one; never its text

    def __init__(
        self,
        reason: str,
        *,
        vendor: str,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the four facts that every error has."""
        self.reason = reason
        self.vendor = vendor
        self.status = status
        self.request_id = request_id
        super().__init__(reason)

    def __str__(self) -> str:
        """Say vendor, reason, status, the vendor's code and request id."""
        parts = [f"{self.vendor}: {self.reason}"]
        if self.status is not None:
            parts.append(f"status {self.status}")
        if self.vendor_code:
            parts.append(f"code {self.vendor_code}")
        if self.request_id:
            parts.append(f"request {self.request_id}")
        return ", ".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling although the arguments are keyword-only."""
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[SyncError], fields: dict[str, Any]) -> SyncError:
    error = kind.__new__(kind)
    Exception.__init__(error, fields["reason"])
    error.__dict__.update(fields)
    return error


class TransientError(SyncError):
    """Certainly not taken, and may work later: retry within the budget."""

    def __init__(
        self,
        reason: str,
        *,
        vendor: str,
        retry_after_s: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the vendor's own word on when to come back, if it gave one."""
        super().__init__(reason, vendor=vendor, status=status, request_id=request_id)
        self.retry_after_s = retry_after_s


class BudgetError(TransientError):
    """Our own budget has no call left within the horizon; nothing was sent."""


class AnswerLostError(TransientError):
    """A write was sent and its answer did not arrive: it may have happened. Look before writing again."""


class RecordError(SyncError):
    """This record is refused. `vendor_message` is the vendor's wording, shortened, for the report alone."""

    def __init__(
        self,
        reason: str,
        *,
        vendor: str,
        field: str | None = None,
        vendor_message: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the refused field and the vendor's own words."""
        super().__init__(reason, vendor=vendor, status=status, request_id=request_id)
        self.field = field
        self.vendor_message = vendor_message


class NotFoundError(RecordError):
    """No such record (any more)."""


class TenantError(SyncError):
    """This customer's door is shut (consent, secret, permission): stop this connector, leave the others alone."""

    def __init__(
        self,
        reason: str,
        *,
        vendor: str,
        permission: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the missing permission where the vendor tells it."""
        super().__init__(reason, vendor=vendor, status=status, request_id=request_id)
        self.permission = permission


class InstanceError(SyncError):
    """The PSA's own key or address is dead: stop every connector of that instance."""


class ResyncError(SyncError):
    """The delta link is dead, or a list's page link has expired: the read starts over.

    `reason` is `delta_link_dead` (drop the link, read in full) or `page_link_expired` (restart the list).
    """


class WireError(SyncError):
    """An answer of a shape or status that we do not know: fail the run loudly."""

    def __init__(
        self,
        reason: str,
        *,
        vendor: str,
        contact_id: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the id of a contact that was made all the same, so that it is made only once."""
        super().__init__(reason, vendor=vendor, status=status, request_id=request_id)
        self.contact_id = contact_id
