"""The threads that compute what views show, chunk by chunk: how much they keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from msgspec import Struct
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from lincae_studio.ui.rendering.chunk_worker import ChunkWorker
from lincae_studio.ui.rendering.idle_gate import IdleGate
from tests.ui.conftest import LIMIT_MS

KILOBYTE = 1024


@pytest.fixture
def worker(qtbot: QtBot) -> Iterator[ChunkWorker[int, np.ndarray]]:
    """Makes arrays of a requested size."""
    owner = QObject()
    worker = ChunkWorker[int, np.ndarray](
        "test", lambda size: np.zeros(size, np.uint8), owner, IdleGate(), cached_bytes=100 * KILOBYTE
    )
    yield worker
    worker.close()


def ask(qtbot: QtBot, worker: ChunkWorker[int, np.ndarray], tasks: dict[str, int]) -> None:
    worker.request(tasks.items())
    qtbot.waitUntil(lambda: worker.waiting == 0, timeout=LIMIT_MS)


def test_results_are_limited_by_their_size_not_their_number(qtbot: QtBot, worker: ChunkWorker[int, np.ndarray]) -> None:
    ask(qtbot, worker, {f"small {number}": 10 for number in range(100)})
    assert all(worker.has(f"small {number}") for number in range(100))
    ask(qtbot, worker, {f"large {number}": 30 * KILOBYTE for number in range(10)})
    assert worker.nbytes <= 100 * KILOBYTE
    assert [number for number in range(10) if worker.has(f"large {number}")] == [7, 8, 9]
    assert not any(worker.has(f"small {number}") for number in range(100))


def test_the_last_result_is_kept_regardless_of_its_size(qtbot: QtBot, worker: ChunkWorker[int, np.ndarray]) -> None:
    ask(qtbot, worker, {"huge": 1000 * KILOBYTE})
    assert worker.has("huge")
    ask(qtbot, worker, {"small": 10})
    assert not worker.has("huge")
    worker.forget()
    assert worker.nbytes == 0


class Picture(Struct, frozen=True):
    title: str
    pixels: np.ndarray


def test_the_arrays_of_a_struct_count(qtbot: QtBot) -> None:
    owner = QObject()
    worker = ChunkWorker[int, Picture]("test", lambda size: Picture("x", np.zeros(size)), owner, IdleGate())
    try:
        worker.request({"one": 10 * KILOBYTE}.items())
        qtbot.waitUntil(lambda: worker.waiting == 0, timeout=LIMIT_MS)
        assert worker.nbytes >= 8 * 10 * KILOBYTE
    finally:
        worker.close()


def test_workers_of_one_window_take_turns(qtbot: QtBot) -> None:
    """Frames would otherwise wait for several threads at once."""
    owner, gate = QObject(), IdleGate()
    entered, leave = threading.Semaphore(0), threading.Semaphore(0)

    def compute(number: int) -> int:
        entered.release()
        leave.acquire()
        return number

    workers = [ChunkWorker[int, int](f"worker {number}", compute, owner, gate) for number in range(3)]
    try:
        for number, worker in enumerate(workers):
            worker.request([("key", number)])
        for _ in workers:
            assert entered.acquire(timeout=LIMIT_MS / 1e3)
            assert not entered.acquire(timeout=0.05), "a second one computes"
            leave.release()
        qtbot.waitUntil(lambda: all(worker.has("key") for worker in workers), timeout=LIMIT_MS)
    finally:
        leave.release(3)
        for worker in workers:
            worker.close()
