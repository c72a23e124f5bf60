"""Every write that a PSA has taken, with the record before and after it."""

from dataclasses import dataclass, field

from ops.sandbox.clock import Clock, iso
from ops.sandbox.http import Json


@dataclass(eq=False)
class Audit:
    """The log of writes of all PSAs; `seq` starts at 1."""

    clock: Clock
    _writes: list[Json] = field(default_factory=list)

    def record(
        self,
        vendor: str,
        method: str,
        *,
        contact_id: int,
        before: Json | None,
        after: Json | None,
        company_id: int | None,
        by: str,
    ) -> None:
        """Add one write."""
        self._writes.append(
            {
                "seq": len(self._writes) + 1,
                "time": iso(self.clock.now()),
                "vendor": vendor,
                "method": method,
                "contact_id": contact_id,
                "company_id": company_id,
                "before": before,
                "after": after,
                "by": by,
            }
        )

    def since(self, seq: int, limit: int | None) -> Json:
        """Writes after that number."""
        writes = self._writes[seq:]
        return {"last": len(self._writes), "writes": writes if limit is None else writes[:limit]}

    def clear(self) -> None:
        """Forget all."""
        self._writes.clear()
