"""The one door to the vendors' HTTP: client factory, time-outs, budget, origins, retries for seconds, status → error.

Vendors bring an `httpx.Auth` and a `classify` (their own status and body table). Nothing here knows a vendor's shapes,
and no httpx exception leaves. Errors are made of slugs and numbers, so that neither secret nor body can be in them.
"""

import copy
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import tenacity

from adapters.answers import (
    THROTTLED,
    is_html,
    judge_status,
    map_exception,
    may_be_taken,
    read_json,
    request_id,
    retry_after_s,
)
from adapters.deadlines import Remaining, read_within
from adapters.errors import AnswerLostError, SyncError, TransientError, WireError
from adapters.limits import Budget, Slots, Unbounded, Unlimited

__all__ = [
    "THROTTLED",
    "Classify",
    "Observer",
    "Permit",
    "Transport",
    "make_client",
    "read_json",
    "request_id",
    "retry_after_s",
]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
READ_TOTAL_S = 90.0  # one read from connect to last byte: a server that drips must not hold a slot for ever
POOL_SIZE = 64  # two processes' worth of threads: a thread never waits for a connection
KEEPALIVE_S = 15.0  # below the idle time-outs of common front ends, so that a write rarely meets a closed connection
ATTEMPTS = 3
RETRY_FOR_S = 30.0  # no further attempt after that: a time-out is the queue's matter
PATIENCE_S = 5.0  # a longer wait belongs into the queue, not into a worker's slot
PAUSE_WITHOUT_RETRY_AFTER_S = 5.0
LONGEST_PAUSE_S = (
    3600.0  # the longest window of a vendor's limit; a date by mistake must not stop an instance for years
)

Classify = Callable[[httpx.Response], SyncError | None]
"""A vendor's own reading of an answer of any status, 2xx included: None where it has nothing to say.

Not asked about 429, nor about HTML at 2xx or 5xx. A TransientError with reason THROTTLED is a certain refusal at any
status. A missing `retry_after_s` is filled in from the header.
"""
Observer = Callable[[str, str, int | None, float], None]
"""Told of each request: vendor, endpoint template, status (None: no answer), seconds."""
Permit = Callable[[], float]
"""Asked just before a write is sent: seconds it may still take; raises TransientError if it may not be sent."""


def make_client(
    ca_file: str | None = None,
    *,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> httpx.Client:
    """Build the thread-safe client that any number of transports share; `ca_file` replaces the default trust store.

    Build it after a fork, close it at shutdown. No redirects, no proxies from the environment, no cookies.
    """
    for name in ("httpx", "httpcore"):  # they log whole addresses, with names in them, and headers
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        verify=ssl.create_default_context(cafile=ca_file) if ca_file else True,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(read_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s),
        limits=httpx.Limits(
            max_connections=POOL_SIZE, max_keepalive_connections=POOL_SIZE, keepalive_expiry=KEEPALIVE_S
        ),
        # One client serves many tenants: a cookie of one must not travel with another.
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "psa-contact-sync", "Accept": "application/json"},
    )


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    target: str
    endpoint: str
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    form: Mapping[str, Any] | None = None
    permit: Permit | None = None  # set: a write


class Transport:
    """One vendor instance's way out. Thread-safe; copies share the client."""

    def __init__(  # noqa: PLR0913 - the one place where all of it meets
        self,
        vendor: str,
        base_url: str,
        *,
        client: httpx.Client,
        budget: Budget | None,
        classify: Classify,
        auth: httpx.Auth | None = None,
        origins: Iterable[str] = (),
        slots: Slots | None = None,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts. Paths are joined to `base_url`; its origin and `origins` are the only ones ever called.

        No budget is for doors without a quota, as a login. `slots` are asked by endpoint, after the budget.
        """
        self.vendor = vendor
        self.base_url = base_url.rstrip("/")
        self._client = client
        self._budget: Budget = budget or Unlimited()
        self._classify = classify
        self._auth = auth or httpx.Auth()
        self._origins = frozenset(_origin(httpx.URL(url)) for url in (base_url, *origins))
        self._slots: Slots = slots or Unbounded()
        self._observer = observer
        self._sleep = sleep
        self._now = now

    def with_budget(self, budget: Budget) -> "Transport":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._budget = budget  # noqa: SLF001 - our own copy
        return other

    def is_ours(self, url: str) -> bool:
        """Tell whether an absolute URL may be called. Raises httpx.InvalidURL for what is none."""
        parsed = httpx.URL(url)
        return _origin(parsed) in self._origins and not parsed.userinfo

    def get(
        self,
        url_or_path: str,
        *,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Read, repeating for seconds what may pass. `endpoint` is the template for metrics, without ids.

        Raises TransientError, BudgetError, WireError and what `classify` returns.
        """
        return self._run(_Call("GET", url_or_path, endpoint, params=params, headers=headers))

    def query(
        self,
        url_or_path: str,
        *,
        endpoint: str,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Read by POST, where the vendor takes its question in a body. Repeats and raises as `get`."""
        return self._run(_Call("POST", url_or_path, endpoint, json=json, form=form, headers=headers))

    def send(
        self,
        method: str,
        path: str,
        *,
        endpoint: str,
        json: Any,
        permit: Permit,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Write at most once; `permit` is asked after the wait for the budget and bounds the whole exchange.

        Repeated within seconds only while certainly not taken: not connected, or throttled. Raises TransientError
        where that did not help, AnswerLostError where the request may have been taken: no complete answer, HTML at
        2xx, or any 5xx that `classify` does not read as a refusal. A 503 with Retry-After is no exception: proxies send
        it for a server that broke down halfway, and looking costs less than a second contact. A 2xx whose body the
        caller cannot read means the same; there the caller raises it.
        """
        return self._run(_Call(method, path, endpoint, json=json, headers=headers, permit=permit))

    def _run(self, call: _Call) -> httpx.Response:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(_may_pass),
            wait=_wait_s,
            stop=tenacity.stop_any(tenacity.stop_after_attempt(ATTEMPTS), tenacity.stop_after_delay(RETRY_FOR_S)),
            sleep=self._sleep,
            retry_error_callback=_result,
        )
        result: httpx.Response | SyncError = retrying(self._attempt, call)
        if isinstance(result, SyncError):
            raise result
        return result

    def _attempt(self, call: _Call) -> httpx.Response | SyncError:
        """Make one exchange and judge it. What the vendor did is returned, not raised, and only that is repeated.

        A refusal by our own budget, permit or credentials is raised.
        """
        request = self._build(call)
        answer = self._converse(request, call)
        if isinstance(answer, SyncError):
            return answer
        error = self._judge(answer)
        self._feed(answer, error)
        if call.permit is not None and error is not None and may_be_taken(answer, error):
            return _as_lost(error)
        return error or answer

    def _converse(self, request: httpx.Request, call: _Call) -> httpx.Response | SyncError:
        """Send the request and the token requests that its auth flow asks for, each within budget, origins, permit."""
        flow = self._auth.sync_auth_flow(request)
        try:
            current = next(flow)
            while True:
                answer = self._send_once(current, call=call, is_own=current is request)
                if isinstance(answer, SyncError):
                    return answer
                if current is not request:
                    self._feed(answer, None)
                try:
                    current = flow.send(answer)
                except StopIteration:
                    return answer
        except UnicodeError:  # a header that cannot be encoded; not chained, the exception carries the value
            raise WireError("request_unsendable", vendor=self.vendor) from None
        finally:
            flow.close()

    def _build(self, call: _Call) -> httpx.Request:
        target = call.target if "://" in call.target else f"{self.base_url}/{call.target.lstrip('/')}"
        try:
            request = self._client.build_request(
                call.method, target, params=call.params, headers=call.headers, json=call.json, data=call.form
            )
        except (httpx.InvalidURL, ValueError):  # not chained: their texts quote addresses, headers and values
            raise WireError("request_unsendable", vendor=self.vendor) from None
        self._check_origin(request.url)
        return request

    def _check_origin(self, url: httpx.URL) -> None:
        if _origin(url) not in self._origins or url.userinfo:
            raise WireError("foreign_origin", vendor=self.vendor)

    def _send_once(self, request: httpx.Request, *, call: _Call, is_own: bool) -> httpx.Response | SyncError:
        self._check_origin(request.url)
        self._budget.reserve()
        with self._slots.hold(call.endpoint):
            return self._exchange(request, call=call, is_own=is_own)

    def _exchange(self, request: httpx.Request, *, call: _Call, is_own: bool) -> httpx.Response | SyncError:
        total_s = READ_TOTAL_S if call.permit is None else call.permit()
        if total_s <= 0:
            raise TransientError("deadline_passed", vendor=self.vendor)
        started = self._now()
        remaining = Remaining(self._client.timeout, deadline=started + total_s, now=self._now)
        request.extensions["timeout"] = remaining
        status: int | None = None
        try:
            response = self._client.send(request, auth=httpx.Auth(), follow_redirects=False, stream=True)
            status = response.status_code
            return read_within(remaining, response)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            if not isinstance(exc, httpx.PoolTimeout | httpx.LocalProtocolError):  # those are our own
                self._budget.failed()
            return map_exception(exc, vendor=self.vendor, is_write=call.permit is not None and is_own)
        finally:
            if self._observer is not None:
                self._observer(self.vendor, call.endpoint if is_own else "token", status, self._now() - started)

    def _judge(self, response: httpx.Response) -> SyncError | None:
        facts: dict[str, Any] = {"vendor": self.vendor, "status": response.status_code}
        error: SyncError | None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            error = TransientError(THROTTLED, request_id=request_id(response), **facts)
        elif (response.is_success or response.is_server_error) and is_html(response):
            error = TransientError("html_answer", request_id=request_id(response), **facts)
        else:
            error = self._classify(response) or judge_status(response, vendor=self.vendor)
        if isinstance(error, TransientError) and error.retry_after_s is None:
            error.retry_after_s = retry_after_s(response)
        return error

    def _feed(self, response: httpx.Response, error: SyncError | None) -> None:
        """Tell budget and breaker. A refusal by the vendor's rules is an answer; only a break-down is a failure."""
        status = response.status_code
        asked = error.retry_after_s if isinstance(error, TransientError) else retry_after_s(response)
        if status == httpx.codes.TOO_MANY_REQUESTS or (error is not None and error.reason == THROTTLED):
            self._budget.pause(PAUSE_WITHOUT_RETRY_AFTER_S if asked is None else min(asked, LONGEST_PAUSE_S))
            return
        if status == httpx.codes.SERVICE_UNAVAILABLE and asked is not None:
            self._budget.pause(min(asked, LONGEST_PAUSE_S))
        if isinstance(error, TransientError) or (error is None and response.is_server_error):
            self._budget.failed()
        else:
            self._budget.succeeded()


def _as_lost(error: SyncError) -> AnswerLostError:
    return AnswerLostError(
        error.reason,
        vendor=error.vendor,
        retry_after_s=error.retry_after_s if isinstance(error, TransientError) else None,
        status=error.status,
        request_id=error.request_id,
    )


def _may_pass(result: httpx.Response | SyncError) -> bool:
    if not isinstance(result, TransientError) or isinstance(result, AnswerLostError):
        return False
    return (result.retry_after_s or 0.0) <= PATIENCE_S


def _wait_s(state: tenacity.RetryCallState) -> float:
    """Wait as long as the vendor says and a little more, else 0.5 s, 1 s, … with jitter."""
    result = _result(state)
    asked = result.retry_after_s if isinstance(result, TransientError) else None
    base: float = 0.5 * 2 ** (state.attempt_number - 1) if asked is None else asked
    return base + random.uniform(0, 0.5)  # noqa: S311 - spreads load, guards nothing


def _result(state: tenacity.RetryCallState) -> Any:
    return None if state.outcome is None else state.outcome.result()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)
