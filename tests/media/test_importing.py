"""The order of imported files; files that are imported at the same time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from lincae_studio import cores
from lincae_studio.errors import Cancelled
from lincae_studio.jobs import CancelToken, Progress, no_progress
from lincae_studio.media.importing import import_all, natural_order
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import DEFAULT_RATE, Media


def test_names_are_sorted_by_their_numbers_in_all_kinds_of_digits() -> None:
    names = ["take 10", "take 2", "1²2", "1²10", "²", "٣", "take ²", "take 02"]
    found = [path.name for path in natural_order([Path(name) for name in names])]
    assert sorted(found) == sorted(names)
    assert found.index("take 2") < found.index("take 10")
    assert found.index("1²2") < found.index("1²10")


def stems(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"stem {number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        sf.write(path, np.full(50_000 - 1000 * number, 0.01 * number), DEFAULT_RATE, subtype="PCM_16")
    return paths


def test_files_keep_their_order_and_errors_are_their_own(tmp_path: Path) -> None:
    paths = stems(tmp_path, 12)
    paths[3].write_bytes(b"no audio")
    paths[7].unlink()
    sf.write(paths[9], np.zeros((100, 3)), DEFAULT_RATE)
    reports: list[Progress] = []
    found = import_all(MediaStore(tmp_path / "store"), paths, reports.append, CancelToken(), DEFAULT_RATE)
    assert list(found.media) == [path for number, path in enumerate(paths) if number not in (3, 7, 9)]
    assert [media.length for (media,) in found.media.values()][:4] == [50_000, 49_000, 48_000, 46_000]
    assert [name in problem for name, problem in zip(("stem 3", "stem 7"), found.problems, strict=True)] == [True] * 2
    assert [info.path for info in found.wide] == [paths[9]]
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert all(report.label.startswith("Importing stem") for report in reports)


def test_files_are_imported_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 2)
    together = threading.Barrier(2, timeout=30.0)

    class Store(MediaStore):
        def import_file(self, *arguments: Any, **named: Any) -> Media:
            together.wait()
            return super().import_file(*arguments, **named)

    paths = stems(tmp_path, 6)
    found = import_all(Store(tmp_path / "store"), paths, no_progress, CancelToken(), DEFAULT_RATE)
    assert list(found.media) == paths


def test_cancelling_stops_all_files(tmp_path: Path) -> None:
    cancel, store = CancelToken(), MediaStore(tmp_path / "store")
    with pytest.raises(Cancelled):
        import_all(store, stems(tmp_path, 12), lambda _: cancel.cancel(), cancel, DEFAULT_RATE)
    assert store.usage()[0] < 12
    assert not list((tmp_path / "store").rglob(".*.part"))
