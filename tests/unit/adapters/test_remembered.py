import threading
import time

import pytest

from adapters.remembered import Remembered


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_many_threads_read_once() -> None:
    remembered: Remembered[int] = Remembered()
    reads = []

    def read() -> int:
        reads.append(1)
        time.sleep(0.05)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(remembered.get(read))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 8
    assert len(reads) == 1


def test_old_value_is_read_again_only_where_age_matters() -> None:
    clock = Clock()
    remembered: Remembered[str] = Remembered(now=clock)
    assert remembered.get(lambda: "old") == "old"
    clock.now = 61
    assert remembered.get(lambda: "new") == "old"
    assert remembered.get(lambda: "new", max_age_s=60) == "new"


def test_failed_read_is_not_remembered() -> None:
    remembered: Remembered[int] = Remembered()
    with pytest.raises(ZeroDivisionError):
        remembered.get(lambda: 1 // 0)
    assert remembered.get(lambda: 1) == 1


def test_wrong_value_is_renewed_once_for_all_who_found_it_wrong() -> None:
    remembered: Remembered[str] = Remembered()
    remembered.get(lambda: "a")
    assert remembered.renew(lambda: "b", stale="a", pause_s=60) == "b"
    assert remembered.renew(lambda: "c", stale="a", pause_s=60) == "b"


def test_value_that_stays_wrong_is_not_read_by_everybody() -> None:
    clock = Clock()
    remembered: Remembered[str] = Remembered(now=clock)
    remembered.get(lambda: "a")
    assert remembered.renew(lambda: "a", stale="a", pause_s=60) == "a"
    assert remembered.renew(lambda: "b", stale="a", pause_s=60) == "a"
    clock.now = 60
    assert remembered.renew(lambda: "b", stale="a", pause_s=60) == "b"
