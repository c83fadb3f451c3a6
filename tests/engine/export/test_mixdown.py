"""The mixdown: the whole mix in a file, or the file as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.engine.export.mixdown import mixdown
from lincae_studio.engine.export.writer import refuse_overwriting
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Rendered, StoreReader
from lincae_studio.errors import Cancelled, EngineError, ExportError, MediaError
from lincae_studio.export_settings import AudioFormat
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media import writer as writer_module
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.helpers import (
    FullDisk,
    files_below,
    import_audio,
    made_up_media,
    new_renderer,
    noise,
    plan_of,
    read_audio,
    render_all,
    session_of,
)

GRID = Grid(256, 256, 20, 2)
OLD = b"an older mixdown"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "mix.wav"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def session(tmp_path: Path, store: MediaStore) -> Session:
    one = import_audio(store, tmp_path / "one.wav", noise(1, 30_001))
    two = import_audio(store, tmp_path / "two.wav", noise(2, 22_222, 2))
    return edits.move_clips(session_of(one, two), {4}, 40_000)


def assert_old(target: Path) -> None:
    assert target.read_bytes() == OLD
    assert files_below(target.parent) == [target]


@pytest.mark.parametrize("grid", [GRID, None])
def test_the_file_contains_the_whole_mix_to_the_sample(
    target: Path, session: Session, store: MediaStore, grid: Grid | None
) -> None:
    reader = StoreReader(store)
    reports: list[Progress] = []
    plan = plan_of(session, "mdct-1x", grid)
    result = mixdown(plan, new_renderer(reader).render, target, progress=reports.append)
    assert (result.length, result.channels, result.clipped_samples) == (62_222, 2, 0)
    mix = read_audio(target)
    assert mix.shape == (2, 62_222)
    assert np.array_equal(mix, render_all(session, reader, "mdct-1x", grid))
    assert np.abs(mix - DryMix(session, reader).read(0, 62_222)).max() < 1e-4
    assert result.peak == pytest.approx(np.abs(mix).max())
    assert not mix[:, 31_000:39_000].any()
    assert len(reports) == len(plan.chunks)
    assert [report.done for report in reports] == sorted({report.done for report in reports})
    assert reports[-1].fraction == 1.0


def test_integer_mixdowns_report_clipping(target: Path, session: Session, store: MediaStore) -> None:
    loud = edits.set_track_gain(session, 1, 4.0)
    result = mixdown(
        plan_of(loud, "mdct-1x", GRID), new_renderer(StoreReader(store)).render, target, AudioFormat(sample_format="24")
    )
    assert result.clipped_samples > 0
    assert result.peak > 1.0
    assert sf.info(target).subtype == "PCM_24"


def test_a_silent_mix_is_written_as_silence(target: Path, session: Session, store: MediaStore) -> None:
    silent = edits.set_track_mute(edits.set_track_mute(session, 1, True), 3, True)
    renderer = new_renderer(StoreReader(store))
    result = mixdown(plan_of(silent, "mdct-2x"), renderer.render, target)
    assert result.peak == 0.0
    assert not read_audio(target).any()
    assert renderer.counters.decodes == 0


def test_an_empty_session_is_refused(target: Path, store: MediaStore) -> None:
    with pytest.raises(ExportError, match="nothing to export"):
        mixdown(plan_of(Session(), "mdct-2x"), new_renderer(StoreReader(store)).render, target)
    assert_old(target)


def test_a_cancelled_mixdown_leaves_the_old_file(target: Path, session: Session, store: MediaStore) -> None:
    token = CancelToken()
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == 3:
            token.cancel()

    plan = plan_of(session, "mdct-2x", GRID)
    with pytest.raises(Cancelled):
        mixdown(plan, new_renderer(StoreReader(store)).render, target, progress=report, cancel=token)
    assert len(reports) == 3
    assert_old(target)


def test_a_full_disk_leaves_the_old_file(
    target: Path, session: Session, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(100_000)
    plan = plan_of(session, "mdct-2x", GRID)
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "open", disk, raising=False)
        with pytest.raises(ExportError, match="the disk is full"):
            mixdown(plan, new_renderer(StoreReader(store)).render, target)
    assert disk.refused
    assert_old(target)


def test_a_chunk_that_fails_leaves_the_old_file(target: Path, session: Session, store: MediaStore) -> None:
    renderer = new_renderer(StoreReader(store))

    def provide(chunk: Chunk) -> Rendered:
        if chunk.index == 2:
            raise EngineError("chunk 2 cannot be rendered")
        return renderer.render(chunk)

    with pytest.raises(EngineError, match="chunk 2"):
        mixdown(plan_of(session, "mdct-2x", GRID), provide, target)
    assert_old(target)


def test_a_missing_media_leaves_the_old_file(target: Path, store: MediaStore) -> None:
    plan = plan_of(session_of(made_up_media(1, 5000)), "mdct-2x")
    with pytest.raises(MediaError, match="not in the cache"):
        mixdown(plan, new_renderer(StoreReader(store)).render, target)
    assert_old(target)


def test_each_chunk_is_requested_once_and_in_order(target: Path, session: Session, store: MediaStore) -> None:
    renderer = new_renderer(StoreReader(store))
    asked: list[int] = []

    def provide(chunk: Chunk) -> Rendered:
        asked.append(chunk.index)
        return renderer.render(chunk)

    plan = plan_of(session, "mdct-2x", GRID)
    mixdown(plan, provide, target)
    assert asked == [chunk.index for chunk in plan.audible]


def test_exporting_over_an_input_is_refused_under_any_name(target: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(OLD)
    (tmp_path / "symbolic.wav").symlink_to(target)
    (tmp_path / "hard.wav").hardlink_to(target)
    for name in (target, target.parent / ".." / "out" / "mix.wav", tmp_path / "symbolic.wav", tmp_path / "hard.wav"):
        with pytest.raises(ExportError, match=r"is one of the inputs") as caught:
            refuse_overwriting([other, target], name)
        assert str(name) in caught.value.problem
        assert "another name" in caught.value.remedy
    refuse_overwriting([], target)
    refuse_overwriting([other], target)


def test_names_that_are_not_files_overwrite_nothing(target: Path, tmp_path: Path) -> None:
    for name in ("none.wav", "x" * 300 + ".wav", "no/such/folder.wav"):
        refuse_overwriting([tmp_path / name], target)
        refuse_overwriting([tmp_path / name], tmp_path / name)
        refuse_overwriting([target], tmp_path / name)
