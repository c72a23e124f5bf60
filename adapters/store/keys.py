"""Every key of the store is built here and nowhere else; the scripts get theirs as KEYS, by the names used here.

A part of a key that comes from outside (names, addresses) is quoted, so that no name can reach into another's key.
"""

from collections.abc import Iterable

PREFIX = "cs:"

ROW_KINDS = ("created", "updated", "skipped", "errors", "warnings", "excluded", "unprocessed", "held")
"""The lists that a run's report rows stand in."""


def quote(part: str) -> str:
    """Make a part safe between colons."""
    return part.replace("%", "%25").replace(":", "%3A")


class Keys:
    """The names of everything, under one prefix."""

    def __init__(self, prefix: str) -> None:  # noqa: PLR0915 - a list of names
        """Keep the prefix; the keys without parts are made once."""
        self._prefix = prefix
        self.server = self._of("server")
        """Hash: identity of the store process, and since when, if runs were open as it changed."""
        self.beats = self._of("beats")
        """Hash: incarnation → until when it counts as alive (ms)."""
        self.beat_seen = self._of("beats", "schedule")
        """String: when a message of beat's last reached a worker (ms)."""
        self.calls = self._of("calls")
        """Hash: "calls, newline, vendor, newline, endpoint, newline, status" → count; "micros, …, endpoint" → time."""
        self.calls_taken = self._of("calls", "taken")
        """Hash: incarnation → number of the last batch of its calls that was taken in."""
        self.totals = self._of("totals")
        """Hash: "family, newline, connector, newline, …" → what all closed runs came to; only ever grows."""
        self.successes = self._of("successes")
        """Hash: connector → when its last successful run over the whole tenant began (ms)."""
        self.endings = self._of("endings")
        """Hash: connector → what its last run over the whole tenant came to."""
        self.fence = self._of("fence")
        """Counter: the fence of the last user lease."""
        self.open = self._of("open")
        """Sorted set: open runs by due time."""
        self.due = self._of("due")
        """Sorted set: frozen users without outcome ("run, newline, user") by due time."""
        self.done = self._of("done")
        """Sorted set: batches ("run, newline, batch") whose members all have outcomes, by since when."""
        self.lanes = self._of("lanes")
        """Set: lanes ("instance, newline, lane") in which a run has its turn."""
        self.ticks = self._of("ticks")
        """Hash: connector → last scheduled time that was taken, or first sight (ms)."""
        self.watermarks = self._of("watermarks")
        """Hash: connector → watermark (JSON)."""
        self.pairings = self._of("pairings")
        """Hash: "tenant@instance/company" → whether the two belong together (JSON)."""
        self.reconciler = self._of("reconciler")
        """String: who reconciles; expires."""
        self.closed = self._of("closed")
        """Sorted set: closed runs whose report is kept, by time of closing."""
        self.kept = self._of("plans")
        """Sorted set: closed runs whose report holds a plan, by the plan's number."""
        self.kept_number = self._of("plans", "number")
        """Counter: the number of the newest plan."""
        self.first_plans = self._of("plans", "first")
        """Hash: connector → the run that holds its newest first plan."""
        self.given = self._of("decisions", "contacts")
        """Hash: "instance, newline, contact" → whose it is by a decision; "connector, 2 newlines, user" → which one."""
        self.subscriptions = self._of("subscriptions")
        """Hash: connector → its subscription to changes of users (JSON)."""
        self.subscribed = self._of("subscribed")
        """Hash: id of a subscription → connector."""
        self.signals = self._of("signals")
        """Hash: "connector, newline, event" → when a subscription's own news came in (ms)."""
        self.changes_due = self._of("changes")
        """Sorted set: connectors with changed users that no run has taken, by when the next run may take them."""
        self.changes_taken = self._of("changes", "taken")
        """Hash: connector → when a run last took changed users (ms)."""
        self.polls = self._of("polls")
        """Hash: connector → when its changes were last asked for (ms)."""
        self.outbox = self._of("outbox")
        """Sorted set: what closed runs tell (JSON) and no incident has taken in, by when it came."""
        self.incidents = self._of("incidents")
        """Hash: version and state (JSON) of the incidents: codes, connectors and numbers."""
        self.messages = self._of("messages")
        """Sorted set: alerts (JSON) that wait to be sent, by when the next one may take them."""
        self.snapshots = self._of("snapshots")
        """Hash: configuration version → when it was published, and its digest."""
        self.snapshot_version = self._of("snapshots", "version")
        """Counter: the newest published version."""

    def _of(self, *parts: str) -> str:
        return self._prefix + ":".join(quote(part) for part in parts)

    @property
    def journals(self) -> str:
        """Name the sorted set: runs whose journal is kept, by the time of its first entry (ms)."""
        return self._of("journals")

    # --- one run ---

    def run_parts(self, run_id: str) -> dict[str, str]:
        """Name every key that lives as long as the run and no longer, under the names that scripts use."""
        parts = {name: self._of("run", run_id, name) for name in RUN_PARTS}
        parts["run"] = self._of("run", run_id)
        for kind in ROW_KINDS:
            parts[f"rows.{kind}"] = self._of("run", run_id, "rows", kind)
            parts[f"chunks.{kind}"] = self._of("run", run_id, "chunks", kind)
        return parts

    def marker(self, run_id: str) -> str:
        """Name the string: this run is closed; outlives late messages."""
        return self._of("marker", run_id)

    def report(self, run_id: str) -> str:
        """Name the hash: head (JSON) of a closed run's report, with what a listing shows."""
        return self._of("report", run_id)

    def report_parts(self, run_id: str) -> dict[str, str]:
        """Name the lists of a closed run's rows: loose ones (JSON), and sealed chunks."""
        rows = {f"report_rows.{kind}": self._of("report", run_id, "rows", kind) for kind in ROW_KINDS}
        chunks = {f"report_chunks.{kind}": self._of("report", run_id, "chunks", kind) for kind in ROW_KINDS}
        return rows | chunks

    def journal_parts(self, run_id: str) -> dict[str, str]:
        """Name the lists of a run's writes: loose entries (JSON), and sealed chunks. They outlive the run's report."""
        return {"journal": self._of("journal", run_id), "journal_chunks": self._of("journal", run_id, "chunks")}

    def closed_of(self, connector_id: str) -> str:
        """Name the sorted set: one connector's closed runs by time of closing."""
        return self._of("closed", connector_id)

    # --- one connector ---

    def connector_lease(self, connector_id: str) -> str:
        """Name the string: the open run that holds the connector."""
        return self._of("lease", connector_id)

    def approved(self, connector_id: str) -> str:
        """Name the hash: tenant and instance → by which run this pairing was approved for automatic runs (JSON)."""
        return self._of("approved", connector_id)

    def unfinished(self, connector_id: str) -> str:
        """Name the hash: user → why it is not finished (JSON): the retry set and the refused users."""
        return self._of("unfinished", connector_id)

    def decisions(self, connector_id: str) -> str:
        """Name the hash: user → what somebody has settled about it (packed JSON)."""
        return self._of("decisions", "of", connector_id)

    def decision_ends(self, connector_id: str) -> str:
        """Name the sorted set: users whose decision has an end that was not told, by that time (ms)."""
        return self._of("decisions", "ends", connector_id)

    def changed(self, connector_id: str) -> str:
        """Name the sorted set: changed users that no run has taken, by when the first word of it came (ms)."""
        return self._of("changed", connector_id)

    def changed_in_runs(self, connector_id: str) -> str:
        """Name the hash: user → the event run that took it; entries of closed runs go with the next one."""
        return self._of("changed", connector_id, "runs")

    def changes(self, connector_id: str) -> str:
        """Name the hash: run that nobody asked for → when it was judged, and its changes by kind (JSON); expires."""
        return self._of("changes", connector_id)

    def quality(self, connector_id: str) -> str:
        """Name the hash: "day, newline, part" → numbers of profiles and contacts (packed); old days go."""
        return self._of("quality", connector_id)

    def user_lease(self, connector_id: str, user_id: str) -> str:
        """Name the hash: holder, fence and claims of whoever is at this user; expires."""
        return self._of("user", connector_id, user_id)

    def intent(self, connector_id: str, user_id: str) -> str:
        """Name the hash: what is about to be written for this user, and by which fence."""
        return self._of("intent", connector_id, user_id)

    # --- one tenant ---

    def readers(self, tenant_id: str) -> str:
        """Name the set: connectors that have read this tenant."""
        return self._of("readers", tenant_id.casefold())

    # --- one PSA instance, or a tenant's part of it ---

    def links(self, home: str) -> str:
        """Name the hash: user → link ("read time, newline, packed JSON")."""
        return self._of("links", home)

    def history(self, home: str) -> str:
        """Name the hash: user → its last events, one a line."""
        return self._of("history", home)

    def owners(self, home: str) -> str:
        """Name the hash: contact → "tenant/user" that it is linked to, of all tenants of the instance."""
        return self._of("owners", home.rpartition("@")[2])

    def claims(
        self, instance: str, *, company_id: str, addresses: Iterable[str], contact_id: str | None = None
    ) -> list[str]:
        """Name the strings: who works on this contact and under these addresses ("lease, intent, fence"); expire."""
        contact = [] if contact_id is None else [self._of("claim", instance, "contact", contact_id)]
        return contact + [self._of("claim", instance, "address", company_id, address) for address in addresses]

    def marks(self, instance: str, *, company_id: str, addresses: Iterable[str]) -> list[str]:
        """Name the strings: who last announced a write under these addresses ("time, newline, lease"); expire."""
        return [self._of("mark", instance, company_id, address) for address in addresses]

    def lane(self, instance: str, lane: str) -> str:
        """Name the hash: users of this lane that wait, and that are frozen without outcome."""
        return self._of("lane", instance, lane)

    def turns(self, instance: str, lane: str) -> str:
        """Name the list: runs of this lane with users in their spool; the head is next."""
        return self._of("turns", instance, lane)

    def budget(self, instance: str) -> str:
        """Name the hash: when the next call of each lane may start; expires."""
        return self._of("budget", instance)

    def pause(self, instance: str) -> str:
        """Name the string: until when nothing may be sent (ms); expires."""
        return self._of("pause", instance)

    def breaker(self, instance: str) -> str:
        """Name the hash: failures in a row, since when it is open, when the next probe may go."""
        return self._of("breaker", instance)

    def going(self, instance: str) -> str:
        """Name the set: runs over whole tenants that have begun at this instance; closed ones go with the next."""
        return self._of("going", instance)

    def queued(self, instance: str) -> str:
        """Name the sorted set: runs that wait until another one of this instance ends, by time of the request."""
        return self._of("queued", instance)

    def slots(self, instance: str, name: str) -> str:
        """Name the sorted set: requests of this kind that are under way, by when their place lapses; expires."""
        return self._of("slots", instance, name)

    def turn(self, instance: str, name: str) -> str:
        """Name the string: somebody does this now, nobody else until it expires."""
        return self._of("turn", instance, name)

    # --- the rest ---

    def working(self, incarnation: str) -> str:
        """Name the set: users ("run, newline, user") that a worker process is at."""
        return self._of("working", incarnation)

    def snapshot(self, version: int) -> str:
        """Name the string: a published configuration (packed JSON)."""
        return self._of("snapshot", str(version))

    def request(self, key: str) -> str:
        """Name the string: the run that was made for an idempotency key; expires."""
        return self._of("request", key)


RUN_PARTS = {
    "entries": "Hash: page and bucket → users as read (packed JSON)",
    "pages": "Hash: page → what follows it, read time, unknown names, entries per bucket (JSON)",
    "index": "Hash: contact → packed JSON",
    "index_keys": "Hash: look-up key → contact ids",
    "spool": "List: planned users that wait (user, newline, name)",
    "plan": "Hash: user → planned write (packed JSON), until it has an outcome",
    "members": "Hash: frozen user without outcome → batch, index, attempts, first try, frozen at, suspect, name",
    "batches": "Hash: batch that is not sealed → members without outcome",
    "outcomes": "Hash: user → status",
    "counts": "Hash: distinct users by status, and rows by kind",
    "unfinished": "Hash: user → entry of the retry set or the refused (JSON), empty if it is finished",
}
"""The keys of one run beside the run itself."""
