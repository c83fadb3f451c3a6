"""Fixtures of all tests: their own home, cache, configuration and media store; and markers by folder."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lincae_studio import malloc
from lincae_studio.media.store import MediaStore

# Equal runs on every machine: a property that fails here fails for everyone. Random search belongs to a longer run.
settings.register_profile(
    "suite",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("suite")

#: Markers by folder; elsewhere tests are marked by hand.
FOLDERS = {"ui": "ui", "engine/process": "process", "parity": "parity"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and skip those that need Linux elsewhere."""
    here = Path(__file__).parent
    for item in items:
        for folder, marker in FOLDERS.items():
            if item.path.is_relative_to(here / folder):
                item.add_marker(marker)
        linux = item.get_closest_marker("linux")
        if linux is not None and sys.platform != "linux":
            item.add_marker(pytest.mark.skip(reason=f"needs Linux: {linux.args[0]}"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests themselves: a scan of them takes longer than most tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def freed_memory_is_returned() -> Iterator[None]:
    """Training and evaluation keep freed memory in their process: the tests' own would grow to gigabytes."""
    yield
    malloc.restore_defaults()


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache, settings, logs and home lie in `tmp_path / "user"`; nothing of the real user is read or written."""
    user = tmp_path / "user"
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("USERPROFILE", str(user))
    monkeypatch.setenv("LINCAE_STUDIO_CACHE", str(user / "cache" / "studio"))
    monkeypatch.setenv("LINCAE_STUDIO_CODECS", str(user / "codecs"))
    for name in ("CONFIG", "CACHE", "STATE", "DATA"):
        folder = user / name.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder))
    return user


@pytest.fixture
def cache_dir(isolated: Path) -> Path:
    """The cache folder of this test."""
    return isolated / "cache" / "studio"


@pytest.fixture
def store(cache_dir: Path) -> MediaStore:
    """The media store in this test's cache."""
    return MediaStore(cache_dir)
