"""Calls are counted in memory, with few labels, and handed over in batches that come again until they have arrived."""

from concurrent.futures import ThreadPoolExecutor

from adapters.calls import MOST_ENDPOINTS, Batch, VendorCalls


def test_calls_are_counted_by_vendor_endpoint_and_status() -> None:
    calls = VendorCalls()
    for status in (200, 200, 429, None):
        calls.count("graph", "/users", status, 0.25)
    assert calls.batch().counted == {
        "calls\ngraph\n/users\n200": 2,
        "calls\ngraph\n/users\n429": 1,
        "calls\ngraph\n/users\nnone": 1,
        "micros\ngraph\n/users": 1_000_000,
    }


def test_batch_comes_again_until_it_has_arrived_and_what_comes_meanwhile_is_the_next() -> None:
    calls = VendorCalls()
    calls.count("halo", "/Users", 200, 0.0)
    first = calls.batch()
    calls.count("halo", "/Users", 500, 0.0)
    assert calls.batch() is first
    calls.arrived(first)
    second = calls.batch()
    assert (second.number, second.counted["calls\nhalo\n/Users\n500"]) == (first.number + 1, 1)
    calls.arrived(first)
    assert calls.batch() is second


def test_labels_stay_few_whatever_adapter_and_vendor_do() -> None:
    calls = VendorCalls()
    for number in range(3 * MOST_ENDPOINTS):
        calls.count("stranger", f"/contacts/{number}", 600 + number, 0.0)
    counted = calls.batch().counted
    endpoints = {name.split("\n")[2] for name in counted}
    statuses = {name.split("\n")[3] for name in counted if name.startswith("calls")}
    assert len(endpoints) == MOST_ENDPOINTS + 1
    assert statuses == {"6xx", "7xx", "8xx"}


def test_threads_lose_no_call() -> None:
    calls, batches = VendorCalls(), list[Batch]()

    def work(number: int) -> None:
        for _ in range(200):
            calls.count("graph", f"/{number % 3}", 200, 0.0)

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, number) for number in range(8)]
        while not all(each.done() for each in working):
            batches.append(calls.batch())
            calls.arrived(batches[-1])
        batches.append(calls.batch())
    total = sum(count for batch in batches for name, count in batch.counted.items() if name.startswith("calls"))
    assert total == 8 * 200
