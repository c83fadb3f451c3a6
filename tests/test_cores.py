"""Work on all processor cores: order, errors, numpy's error handling, and products on one core each."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from lincae_studio import cores


@pytest.fixture(params=[1, 3])
def number(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cores, "count", lambda: request.param)
    result: int = request.param
    return result


def test_results_are_in_the_order_of_the_items(number: int) -> None:
    assert cores.on_all(lambda item: item * item, range(50)) == [item * item for item in range(50)]
    assert cores.on_all(lambda item: item, []) == []


def test_items_are_worked_on_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 2)
    together = threading.Barrier(2, timeout=30)
    assert sorted(cores.on_all(lambda _: together.wait(), range(2))) == [0, 1]


def test_an_error_is_raised_and_what_has_not_begun_is_left_out(number: int) -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item"):
        cores.on_all(work, range(1000))
    assert len(begun) <= number


def test_the_error_is_that_of_the_foremost_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 2)
    failed = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            failed.wait(30)
        failed.set()
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        cores.on_all(work, range(2))


def test_no_thread_is_left(number: int) -> None:
    before = threading.active_count()
    cores.on_all(lambda item: item, range(10))
    assert threading.active_count() == before


def test_numpys_error_handling_is_that_of_the_caller(number: int) -> None:
    large = np.full(4, 3e38, np.float32)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        assert all(np.isinf(one).all() for one in cores.on_all(lambda _: large * large, range(6)))


def test_there_is_at_least_one_core() -> None:
    assert cores.count() >= 1


@pytest.mark.linux("the number of threads is read from /proc")
def test_products_use_one_thread_each() -> None:
    code = """
import os
import numpy as np
from lincae_studio import cores
def used():
    return sum(int(open(f"/proc/self/task/{t}/stat").read().rsplit(")", 1)[1].split()[11]) > 0
               for t in os.listdir("/proc/self/task"))
cores.use_one_per_product()
one = np.ones((1500, 1500), np.float32)
for _ in range(20):
    one @ one
print(used())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1
