"""Reading data sets back: with numpy, and with PyTorch's loaders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import lincae_studio as ls
from lincae_studio.datasets.torch_data import LatentWindows
from tests.datasets.cases import encode, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "in", 5, 2 * 44_100)
    encode(tmp_path / "in", tmp_path / "z", shard_bytes=300_000)
    return tmp_path / "z"


def test_windows_of_numpy_are_drawn_by_seed(folder: Path) -> None:
    data = ls.open_dataset(folder)
    assert len(data) == 5
    batches = data.windows(32, 8, seed=3)
    first, second = next(batches), next(batches)
    assert first.shape == (8, 64, 32)
    assert first.dtype == np.float32
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, next(data.windows(32, 8, seed=3)))
    every = [data.values(record) for record in data]
    assert all(
        any(np.array_equal(window, part) for values in every for channel in values for part in _parts(channel, 32))
        for window in first[:2]
    )
    with pytest.raises(ls.StudioError, match="no latents"):
        next(data.windows(10_000, 1))
    assert "made by encode" in data._repr_html_()


def _parts(channel: np.ndarray, frames: int) -> list[np.ndarray]:
    return [channel[:, at : at + frames] for at in range(channel.shape[1] - frames + 1)]


def test_windows_of_torch_cover_every_record(folder: Path) -> None:
    data = ls.open_dataset(folder)
    windows = data.torch(50)
    assert isinstance(windows, LatentWindows)
    values = [data.values(record) for record in windows.records()]
    expected = [
        channel[:, at * 50 : at * 50 + 50] for one in values for channel in one for at in range(one.shape[2] // 50)
    ]
    assert len(windows) == len(expected)
    for number, one in enumerate(expected):
        np.testing.assert_array_equal(windows[number].numpy(), one)
    with pytest.raises(IndexError):
        windows[len(windows)]
    batch = next(iter(DataLoader(windows, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(0))))
    assert batch.shape == (4, 64, 50)
    assert batch.dtype == torch.float32
    with pytest.raises(ls.StudioError, match="no latents"):
        data.torch(100_000)


def test_a_loader_with_workers_opens_files_of_its_own(folder: Path) -> None:
    import pickle

    windows = LatentWindows(folder, 50)
    _ = windows[0]
    copy = pickle.loads(pickle.dumps(windows))
    assert torch.equal(copy[3], windows[3])


def test_few_shards_are_open_at_a_time(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 20)
    encode(tmp_path / "in", tmp_path / "z", shard_bytes=1)
    data = ls.open_dataset(tmp_path / "z")
    for record in data:
        data.values(record)
    assert len(data._reader._open) == 8


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ls.StudioError, match="is not a data set"):
        ls.open_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text("[]")
    with pytest.raises(ls.StudioError, match="is damaged"):
        ls.open_dataset(tmp_path)
