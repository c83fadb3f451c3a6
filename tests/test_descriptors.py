"""Limits of open files, as systems set them: a session of many files needs more."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lincae_studio import descriptors
from lincae_studio.cli import run
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.paths import cache_dir, codecs_dir
from tests.codecs.lincae.models import small_model
from tests.helpers import noise, read_audio, write_audio

resource = pytest.importorskip("resource", reason="Windows has no such limit")

pytestmark = pytest.mark.linux("its limits of open files")

_RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from lincae_studio.cli import main
main(sys.argv[1:])
"""


def test_more_files_are_mixed_than_the_system_allows_at_first(tmp_path: Path) -> None:
    inputs = [write_audio(tmp_path / f"{number}.wav", noise(number, 3000, level=0.001)) for number in range(80)]
    command = [sys.executable, "-c", _RUN, "mix", *map(str, inputs), "-o", str(tmp_path / "mix.wav")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read_audio(tmp_path / "mix.wav").any()


def test_the_limit_is_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, limits: asked.append(limits))
    for before, expected in (
        ((256, 4096), [(4096, 4096)]),
        ((256, resource.RLIM_INFINITY), [(65_536, resource.RLIM_INFINITY)]),
        ((100_000, 1_000_000), []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), []),
    ):
        asked.clear()
        monkeypatch.setattr(resource, "getrlimit", lambda _kind, before=before: before)
        descriptors.raise_limit()
        assert asked == expected


def test_a_system_that_refuses_the_first_limit_is_asked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS does, whose unlimited hard limit is not meant."""
    asked: list[int] = []

    def refuse(_kind: int, limits: tuple[int, int]) -> None:
        asked.append(limits[0])
        if limits[0] > 20_000:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (256, resource.RLIM_INFINITY))
    descriptors.raise_limit()
    assert asked == [65_536, 10_240]


@pytest.fixture
def none_left() -> Iterator[Callable[[], None]]:
    """A function that takes all descriptors that the system allows this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []

    def take() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, before[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))

    yield take
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("command", [["cache", "info"], ["cache", "clear"], ["codecs", "show", "mine"]])
def test_running_out_of_descriptors_is_reported(
    none_left: Callable[[], None], capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    LatentCache(cache_dir()).close()
    RenderCache(cache_dir()).close()
    save_own(small_model(), codecs_dir() / "mine", title="Mine", linear=True)
    assert run(command) == 0, "and all modules are loaded"
    capsys.readouterr()
    none_left()
    assert run(command) == 2
    assert "too many files are open. Raise the system's limit" in capsys.readouterr().err
