"""`POST /$batch`. learn.microsoft.com: "Combine multiple HTTP requests using JSON batching"."""

import json
from collections.abc import Callable
from typing import Any

from ops.sandbox.http import Answer, Json, Request
from ops.sandbox.microsoft.errors import bad_request
from ops.sandbox.microsoft.listing import graph_json

MAX_ITEMS = 20


def _items(request: Request) -> list[Json]:
    try:
        body = request.json()
    except ValueError as exc:
        raise bad_request("Unable to read JSON request payload.", "BadRequest") from exc
    items = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(items) > MAX_ITEMS:
        raise bad_request(f"Number of batch request steps exceeds the maximum of {MAX_ITEMS}.", "MaximumValueExceeded")
    ids = [item.get("id") for item in items]
    if None in ids or len(set(ids)) != len(ids):
        raise bad_request("Request ids must be unique in a batch.", "BadRequest")
    return items


def _sub_request(item: Json, request: Request) -> Request:
    path, _, query = str(item.get("url", "")).partition("?")
    headers = {key.lower(): str(value) for key, value in (item.get("headers") or {}).items()}
    if "authorization" in request.headers:
        headers.setdefault("authorization", request.headers["authorization"])
    body = b"" if item.get("body") is None else json.dumps(item["body"]).encode()
    return Request(
        str(item.get("method", "GET")).upper(), "/v1.0/" + path.lstrip("/"), query, headers, body, request.base_url
    )


def _response(item: Json, answer: Answer) -> Json:
    headers = {name.title(): value for name, value in answer.headers}
    body: Any = None
    if answer.body:
        is_json = "json" in headers.get("Content-Type", "")
        body = json.loads(answer.body) if is_json else answer.body.decode("utf-8", "replace")
    return {"id": item["id"], "status": answer.status, "headers": headers, "body": body}


def run_batch(request: Request, serve: Callable[[Request], Answer]) -> Answer:
    """Answer every item by itself: the envelope is 200 even when an item is throttled."""
    responses: list[Json] = []
    failed: set[str] = set()
    for item in _items(request):
        if failed & set(item.get("dependsOn") or ()):
            error = {"error": {"code": "FailedDependency", "message": "A request this one depends on has failed."}}
            responses.append({"id": item["id"], "status": 424, "headers": {}, "body": error})
        else:
            responses.append(_response(item, serve(_sub_request(item, request))))
        if responses[-1]["status"] >= 400:
            failed.add(item["id"])
    return graph_json({"responses": responses[::-1]})  # any order is legal
