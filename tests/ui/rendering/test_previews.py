"""Previews in the window: heard and drawn until a chunk is rendered, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.linear.folder import WEIGHTS_NAME
from lincae_studio.engine.process.events import ChunkFinished, ChunkPreviewed, Event
from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.peaks import BLOCK, block_peaks
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui import theme
from lincae_studio.ui.dialogs.export import ExportDialog
from lincae_studio.ui.main_window import MainWindow
from tests.codecs.lincae.models import small_model
from tests.codecs.linear.models import install_preview_for
from tests.helpers import new_renderer, noise, read_audio, render_plan, write_audio
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.look import pixels, rgb
from tests.ui.playback.test_transport import heard

pytestmark = pytest.mark.engine


class Gate:
    """Holds back renders of which there is a preview, in the thread that receives them.

    Attributes:
        previewed: keys of the previews that have come.
    """

    def __init__(self, window: MainWindow) -> None:
        self.previewed: list[str] = []
        self._open = threading.Event()
        client = window.rendering._client
        self._deliver, client._on_event = client._on_event, self._on_event

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ChunkPreviewed):
            self.previewed.append(event.preview.key)
        if isinstance(event, ChunkFinished) and event.rendered.key in self.previewed:
            assert self._open.wait(LIMIT_MS / 1000)
        self._deliver(event)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate(window: MainWindow) -> Iterator[Gate]:
    gate = Gate(window)
    yield gate
    gate.open()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    return tmp_path / "model"


def open_song(qtbot: QtBot, window: MainWindow, model: Path) -> None:
    window.document.apply("Codec", lambda session: edits.set_codec(session, str(model)))
    window.open_paths([write_audio(model.parent / "song.wav", noise(1, 60_000, level=0.1))])
    wait_imported(qtbot, window)


def preview_of(window: MainWindow, count: int) -> Array:
    """What the preview of the mix's first chunk is, from the codec's own folder."""
    codec = registry.load(window.document.session.codec)
    preview = registry.preview_of(codec)
    assert preview is not None
    chunk = window.rendering.plan.audible[0]
    renderer = new_renderer(window.rendering.audio)
    latents = renderer.render(chunk).latents
    decoded = preview.decode(latents, first_frames=(0,), seed=0)
    start = -chunk.grid.window_start(0)
    return decoded[:, start : start + count]


def test_a_preview_is_heard_and_drawn_until_the_chunk_is_rendered(
    qtbot: QtBot, window: MainWindow, model: Path, gate: Gate, store: MediaStore, tmp_path: Path
) -> None:
    install_preview_for(registry.info(str(model)), tmp_path / "preview")
    open_song(qtbot, window, model)
    rendering, bar = window.rendering, window.timeline.render_bar
    qtbot.waitUntil(lambda: rendering.states.previewed > 0, timeout=LIMIT_MS)
    assert rendering.state(0) is ChunkState.PREVIEWED
    expected = preview_of(window, 20_000)
    qtbot.waitUntil(lambda: np.allclose(heard(window, 20_000), expected, atol=1e-6), timeout=LIMIT_MS)
    assert bar.describe(2) == "Chunk 0: preview, waiting to be rendered: a quick decoding of the latent mix is heard"
    assert "0/1 chunks rendered, 1 preview" in window.status.render.text()
    assert (pixels(window.timeline.master)[-2, 5:50] == rgb(theme.colors().state_previewed)).all()
    drawn = window.timeline.master.peaks.pyramid.columns(0.0, BLOCK, 20_000 // BLOCK)
    np.testing.assert_allclose(drawn, block_peaks(expected[:, : 20_000 // BLOCK * BLOCK].T), atol=1e-6)
    # What is measured is not the preview.
    dry = rendering.reader("dry").read(0, 20_000)
    assert np.array_equal(rendering.reader().read(0, 20_000), dry)
    assert not rendering.reader("difference", previews=True).read(0, 20_000).any()
    assert rendering.rendered(0) is None

    gate.open()
    wait_rendered(qtbot, window)
    truth = render_plan(rendering.plan, new_renderer(StoreReader(store)))
    assert np.abs(truth[:, :20_000] - expected).max() > 1e-3
    qtbot.waitUntil(lambda: np.array_equal(heard(window, 20_000), truth[:, :20_000]), timeout=LIMIT_MS)
    assert "rendered: the latent mix is heard" in bar.describe(2)
    assert rendering.states.previewed == 0


def test_an_export_waits_for_the_render(
    qtbot: QtBot, window: MainWindow, model: Path, gate: Gate, store: MediaStore, tmp_path: Path
) -> None:
    install_preview_for(registry.info(str(model)), tmp_path / "preview")
    open_song(qtbot, window, model)
    qtbot.waitUntil(lambda: window.rendering.states.previewed > 0, timeout=LIMIT_MS)
    window.actions_by_id["export_mix"].trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    dialog.path_field.setText(str(tmp_path / "mix.wav"))
    with qtbot.waitSignal(window.exporter.finished, timeout=LIMIT_MS):
        dialog.accept()
        (chunk,) = window.rendering.plan.audible
        qtbot.waitUntil(lambda: window.rendering.store._awaited[chunk.key] > 0, timeout=LIMIT_MS)
        gate.open()
    truth = render_plan(window.rendering.plan, new_renderer(StoreReader(store)))
    assert np.array_equal(read_audio(tmp_path / "mix.wav"), truth)


def test_previews_can_be_turned_off(qtbot: QtBot, window: MainWindow, model: Path, gate: Gate, tmp_path: Path) -> None:
    install_preview_for(registry.info(str(model)), tmp_path / "preview")
    window.preferences.set(previews=False)
    gate.open()
    open_song(qtbot, window, model)
    wait_rendered(qtbot, window)
    assert not gate.previewed
    window.preferences.set(previews=True)
    (track,) = window.document.session.tracks
    window.document.apply("Gain", lambda session: edits.set_track_gain(session, track.id, 0.5))
    wait_rendered(qtbot, window)
    assert len(gate.previewed) == 1


def test_a_damaged_preview_is_reported_and_the_mix_is_rendered(
    qtbot: QtBot, window: MainWindow, model: Path, tmp_path: Path
) -> None:
    weights = install_preview_for(registry.info(str(model)), tmp_path / "preview") / WEIGHTS_NAME
    weights.write_bytes(weights.read_bytes()[:-8])
    open_song(qtbot, window, model)
    wait_rendered(qtbot, window)
    text = "so the dry mix is heard until chunks are rendered. Train it again with lincae-studio distill"
    qtbot.waitUntil(lambda: text in window.messages.text.text(), timeout=LIMIT_MS)
    assert window.rendering.state(0) is ChunkState.RENDERED
