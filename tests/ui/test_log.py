"""The log file: private, and of a limited size."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lincae_studio import paths
from lincae_studio.ui.app import log_to_file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "log" / "studio.log"
    monkeypatch.setattr(paths, "log_file", lambda: file)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    log_to_file()
    yield file
    root.setLevel(level)
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()


def test_the_log_stays_small(file: Path) -> None:
    log = logging.getLogger("lincae_studio.test")
    for number in range(200):
        log.warning("%d: %s", number, "x" * 50_000)
    files = list(file.parent.iterdir())
    assert 1 < len(files) <= 3
    assert all(path.stat().st_size < 1_100_000 for path in files)
    last = file.read_text(encoding="utf-8").splitlines()[-1]
    assert "199: xxx" in last
    assert len(last) < 21_000


@pytest.mark.linux("permissions")
def test_only_the_user_can_read_the_log(file: Path) -> None:
    assert os.stat(file.parent).st_mode & 0o077 == 0
