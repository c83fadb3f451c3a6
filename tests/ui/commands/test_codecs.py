"""Session > Codec: choosing, downloading, importing folders, and errors, with the resulting audio."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QInputDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from lincae_studio import paths
from lincae_studio.codecs import library, registry
from lincae_studio.codecs.install import id_for
from lincae_studio.codecs.lincae import pretrained, public
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.engine.rendering.render_store import ChunkState
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui.commands import codecs
from lincae_studio.ui.dialogs.codec import DownloadDialog, ImportDialog
from lincae_studio.ui.dialogs.number_field import NumberField
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog
from lincae_studio.ui.main_window import MainWindow
from tests.codecs.hub import LocalHub, import_folder
from tests.codecs.lincae.models import NARROW, small_model
from tests.helpers import noise, render_all, write_audio
from tests.ui.conftest import LIMIT_MS, wait_imported, wait_rendered
from tests.ui.drive import press

CTRL = Qt.KeyboardModifier.ControlModifier

#: The engine loads torch before its first chunk.
ENGINE_LIMIT_MS = 120_000

#: What `SlowHub` sends between two pauses.
PIECE_BYTES = 1 << 14

BUILT_IN = ["mdct-1x", "mdct-2x", "mdct-4x", "linear-8x", "linear-15x"]


class SlowHub(LocalHub):
    """Sends large responses in small pieces with pauses, and the last piece only once `hurry` is set: a download can be
    observed however slow the machine is.

    With `awake` cleared it stops sending, but keeps the connection open.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.hurry = threading.Event()
        self.awake = threading.Event()
        self.awake.set()

    def send(self, file: io.BufferedIOBase, body: bytes) -> None:
        for start in range(0, len(body), PIECE_BYTES):
            if start:
                last = start + PIECE_BYTES >= len(body)
                self.hurry.wait(LIMIT_MS / 1000 if last else 0.02)
                self.awake.wait(LIMIT_MS / 1000)
            file.write(body[start : start + PIECE_BYTES])


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "Official Model"
    pretrained.save_official(small_model(), folder)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny & mine"
    quick = {**NARROW, "base_channels": 4, "bottleneck_base_channels": 16, "layers_list": (1,) * 5}
    pretrained.save_own(small_model(quick, seed=1), folder, title="Tiny & Mine", linear=True)
    return folder


@pytest.fixture
def hub(official: Path, tmp_path: Path, window: MainWindow) -> Iterator[SlowHub]:
    """A hub with one model, from which the window downloads; fast, unless a test slows it down."""
    shutil.copytree(official, tmp_path / "hub" / public.PUBLIC_MODELS["lin-cae"].folder)
    hub = SlowHub(tmp_path / "hub")
    hub.hurry.set()
    window.codecs.endpoint = hub.endpoint
    with hub.running():
        yield hub
        hub.hurry.set()
        window.codecs.close()  # the hub cannot stop before its last response


def open_menu(window: MainWindow) -> list[str]:
    """The entries of the menu as shown; "" is a separator."""
    menu = window.codecs.menu
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions()]


def checked(window: MainWindow) -> list[str]:
    return [codec for codec, action in window.codecs.actions.items() if action.isChecked()]


def said(window: MainWindow) -> str:
    assert window.messages.isVisible()
    return window.messages.text.text()


def wait_installed(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.codecs.busy, timeout=LIMIT_MS)


def button(dialog: QDialog, text: str) -> QPushButton:
    [found] = [item for item in dialog.findChildren(QPushButton) if item.text().replace("&", "") == text]
    return found


def start_download(window: MainWindow, model_id: str = "lin-cae") -> None:
    """Choose the entry and confirm."""
    open_menu(window)
    window.codecs.downloads[model_id].trigger()
    [dialog] = [item for item in window.findChildren(DownloadDialog) if item.isVisible()]
    button(dialog, "Download").click()


def cancel_running(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    """Wait until the progress dialog shows bytes, and press Cancel."""
    dialog = window.findChild(ProgressDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.isVisible() and "MiB" in dialog.label.text(), timeout=LIMIT_MS)
    button(dialog, "Cancel").click()
    assert dialog.label.text() == "Cancelling…"
    hub.hurry.set()  # what arrives now is not taken
    wait_installed(qtbot, window)


def import_by_menu(window: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    open_menu(window)
    window.codecs.import_action.trigger()


def short_clip(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.open_paths([write_audio(tmp_path / "short.wav", noise(5, 30_000, level=0.1))])
    wait_imported(qtbot, window)


@pytest.mark.parametrize(
    ("name", "codec_id"),
    [
        ("Official Model", "official-model"),
        (".hidden Röhre (2)", "hidden-r-hre--2-"),
        ("lin_cae.v2", "lin_cae.v2"),
        ("x" * 80, "x" * 64),
        (" ", "codec"),
        ("…", "codec"),
    ],
)
def test_a_name_becomes_an_id(name: str, codec_id: str) -> None:
    assert id_for(name) == codec_id


def test_the_menu_lists_installed_and_downloadable_codecs(window: MainWindow, official: Path) -> None:
    entries = open_menu(window)
    assert [entry.split(" (")[0] for entry in entries] == [
        "MDCT 1x",
        "MDCT 2x",
        "MDCT 4x",
        "Linear 8x",
        "Linear 15x",
        "",
        "Download Lin-CAE",
        "Download Lin-CAE 2",
        "Download Music2Latent",
        "Download Stable Audio Open",
        "Download ACE-Step 1.5",
        "Download KVAE-Audio",
        "&Import Codec Folder…",
    ]
    assert "Download Lin-CAE (about 223 MiB)…" in entries
    assert list(window.codecs.actions) == BUILT_IN
    import_folder(official, "m2l")  # as if from the command line, while the window is open
    entries = open_menu(window)
    assert "Music2Latent (baseline) (64 channels, hop 4096)" in entries
    assert not [entry for entry in entries if entry.startswith("Download Music2Latent")]
    assert list(window.codecs.actions) == [*BUILT_IN, "m2l"]
    assert checked(window) == ["mdct-2x"]
    (paths.codecs_dir() / "m2l" / "config.json").write_text("{")
    entries = open_menu(window)
    assert "m2l (damaged)" in entries
    assert [entry for entry in entries if entry.startswith("Download Music2Latent")]  # replaces it
    assert not window.codecs.actions["m2l"].isEnabled()
    wrapped = window.codecs.actions["m2l"].toolTip()
    assert "cannot be read" in " ".join(wrapped.split())


@pytest.mark.qt_log_ignore("This plugin does not support (raise|grabbing)", extend=True)  # as any popup offscreen
def test_an_entry_is_chosen_by_keys_in_the_open_menu(window: MainWindow) -> None:
    """Choosing an entry refills the menu while it is still handling the click."""
    menu = window.codecs.menu
    own = str(Path("/gone/away"))
    window.document.apply("Codec", lambda session: edits.set_codec(session, own))
    menu.popup(window.mapToGlobal(QPoint(50, 50)))
    menu.setActiveAction(window.codecs.actions["mdct-1x"])
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert window.document.session.codec == "mdct-1x"
    assert checked(window) == ["mdct-1x"]
    assert own not in window.codecs.actions
    press(window, Qt.Key.Key_Z, CTRL)
    assert checked(window) == [own]
    assert window.codecs.actions[own].text() == "away (not installed)"
    press(window, Qt.Key.Key_Z, CTRL)
    assert checked(window) == ["mdct-2x"]
    press(window, Qt.Key.Key_Y, CTRL)
    assert checked(window) == [own]


def test_a_codec_of_another_rate_is_resampled_to_that_of_the_session(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained.save_own(small_model(frontend={"sample_rate": 11_025}), tmp_path / "low", title="Low", linear=False)
    import_by_menu(window, tmp_path / "low", monkeypatch)
    wait_installed(qtbot, window)
    assert window.codecs.actions["low"].isEnabled()
    assert window.document.session.codec == "low"
    assert window.rendering.update_plan().codec.sample_rate == 44_100


def test_a_download_becomes_the_codec_and_can_be_undone(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    open_menu(window)
    window.codecs.downloads["lin-cae"].trigger()
    dialog = window.findChild(DownloadDialog)
    assert dialog is not None
    assert dialog.isVisible()
    text = "\n".join(label.text() for label in dialog.findChildren(QLabel))
    for part in (
        public.HUB_REPOSITORY,
        "223 MiB",
        str(paths.codecs_dir() / "lin-cae"),
        "internet",
        "publisher",
    ):
        assert part in text
    button(dialog, "Cancel").click()
    assert not window.codecs.busy
    assert hub.starts == []

    start_download(window)
    wait_installed(qtbot, window)
    assert library.installed() == ("lin-cae",)
    assert window.document.session.codec == "lin-cae"
    assert "Lin-CAE is installed" in said(window)
    assert window.document.undo_text == "Codec"
    assert checked(window) == ["lin-cae"]
    assert "Lin-CAE" in window.status.codec.text()
    assert "lin-cae" not in window.codecs.downloads
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session.codec == "mdct-2x"
    assert checked(window) == ["mdct-2x"]
    window.codecs.actions["lin-cae"].trigger()
    assert window.document.session.codec == "lin-cae"


def test_a_cancelled_download_is_kept_and_resumed(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    hub.hurry.clear()
    start_download(window)
    assert not window.codecs.downloads["lin-cae"].isEnabled()
    assert "Installing Lin-CAE…" in open_menu(window)
    window.codecs.download("lin-cae")
    assert "already" in said(window)
    cancel_running(qtbot, window, hub)
    assert "kept" in said(window)
    assert library.installed() == ()
    assert window.document.session.codec == "mdct-2x"
    assert len(hub.starts) == 1, "the second download never started"
    start_download(window)
    wait_installed(qtbot, window)
    assert window.document.session.codec == "lin-cae"
    assert max(hub.starts) > 0


def test_closing_the_window_ends_a_download(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    hub.hurry.clear()
    start_download(window)
    dialog = window.findChild(ProgressDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible, timeout=LIMIT_MS)
    assert window.close()
    assert library.installed() == ()


def test_a_silent_network_does_not_keep_the_window_open(
    qtbot: QtBot, window: MainWindow, hub: SlowHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.hurry.clear()
    start_download(window)
    dialog = window.findChild(ProgressDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: "MiB" in dialog.label.text(), timeout=LIMIT_MS)
    hub.awake.clear()
    with monkeypatch.context() as patch:
        patch.setattr(codecs, "_CLOSE_S", 0.1)
        assert window.close()
    assert library.installed() == ()
    hub.awake.set()
    window.codecs.close()  # waits for the thread, which has been cancelled by now


def test_another_document_keeps_its_codec(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    hub.hurry.clear()
    start_download(window)
    window.actions_by_id["new"].trigger()
    hub.hurry.set()
    wait_installed(qtbot, window)
    assert library.installed() == ("lin-cae",)
    assert window.document.session.codec == "mdct-2x"
    assert window.document.undo_text is None
    assert "choose it in Session > Codec" in said(window)
    window.codecs.actions["lin-cae"].trigger()
    assert window.document.session.codec == "lin-cae"


def test_an_unreachable_hub_is_reported_with_a_remedy(
    qtbot: QtBot, window: MainWindow, official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalHub(tmp_path).running() as gone:
        pass
    window.codecs.endpoint = gone.endpoint
    start_download(window)
    wait_installed(qtbot, window)
    text = said(window)
    assert text.startswith("Lin-CAE cannot be downloaded from the Hugging Face hub")
    assert "Check the connection" in text
    assert "kept" not in text, "nothing was downloaded"
    assert window.codecs.downloads["lin-cae"].isEnabled()
    assert window.document.undo_text is None
    by_hand = tmp_path / public.PUBLIC_MODELS["lin-cae"].folder
    shutil.copytree(official, by_hand)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(by_hand))
    [way_out] = [item for item in window.messages.findChildren(QPushButton) if item.isVisible()]
    assert way_out.text() == "Import Folder…"
    way_out.click()
    wait_installed(qtbot, window)
    assert window.document.session.codec == "lin-cae", (
        "the folder's name identifies the public model and its scale factor"
    )
    assert not [item for item in window.messages.findChildren(QPushButton) if item.isVisible()]


def test_a_damaged_download_is_reported(qtbot: QtBot, window: MainWindow, hub: SlowHub) -> None:
    hub.wrong_checksums = True
    start_download(window)
    wait_installed(qtbot, window)
    assert "checksum" in said(window)
    assert "kept" in said(window)
    assert window.document.undo_text is None


def test_an_official_folder_needs_its_scale_factor(
    qtbot: QtBot, window: MainWindow, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_by_menu(window, official, monkeypatch)
    dialog = window.findChild(ImportDialog)
    assert dialog is not None
    assert dialog.isVisible()
    text = "\n".join(label.text() for label in dialog.findChildren(QLabel))
    for part in ("lin-cae: 33", "lin-cae-2: 40", "m2l: 15"):
        assert part in text
    scale_factor, linear = dialog.fields["scale_factor"], dialog.fields["linear"]
    assert isinstance(scale_factor, NumberField)
    assert isinstance(linear, QCheckBox)
    assert (scale_factor.value(), scale_factor.minimum(), scale_factor.maximum()) == (33, 0.01, 1e3)
    scale_factor.setValue(12.5)
    linear.setChecked(True)
    button(dialog, "Import").click()
    wait_installed(qtbot, window)
    assert window.document.session.codec == "official-model"
    assert window.document.undo_text == "Codec"
    model = open_folder(library.place_of("official-model"))
    assert (model.scale_factor, model.linear, model.title) == (12.5, True, "Official Model")
    press(window, Qt.Key.Key_Z, CTRL)
    assert window.document.session.codec == "mdct-2x"
    before = window.document.session
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("other", True))
    import_by_menu(window, official, monkeypatch)
    [dialog] = [item for item in window.findChildren(ImportDialog) if item.isVisible()]
    button(dialog, "Cancel").click()
    assert not window.codecs.busy
    assert window.document.session is before


def test_importing_the_studios_format_asks_only_for_a_name(
    qtbot: QtBot, window: MainWindow, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    answers = [("Tiny & Mine", True), ("Take Two", True), ("", False)]

    def ask(_parent: object, _title: str, question: str, *, text: str) -> tuple[str, bool]:
        questions.append(f"{question} {text}")
        return answers.pop(0)

    monkeypatch.setattr(QInputDialog, "getText", ask)
    import_by_menu(window, own, monkeypatch)
    wait_installed(qtbot, window)
    assert window.document.session.codec == "tiny---mine"
    assert questions == []
    assert "Tiny && Mine (64 channels, hop 4096)" in open_menu(window)
    import_by_menu(window, own, monkeypatch)
    wait_installed(qtbot, window)
    assert window.document.session.codec == "take-two"
    assert registry.info("take-two").title == "Take Two"
    assert ["“tiny---mine” already" in question for question in questions] == [True, True]
    assert questions[0].endswith("tiny---mine-2")
    import_by_menu(window, own, monkeypatch)
    assert not window.codecs.busy
    assert library.installed() == ("take-two", "tiny---mine")


def test_a_folder_without_a_model_is_reported(
    window: MainWindow, official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "holidays").mkdir()
    import_by_menu(window, tmp_path / "holidays", monkeypatch)
    assert "is not a model" in said(window)
    assert "config.json" in said(window)
    window.messages.hide()
    shutil.copytree(official, tmp_path / "odd")
    (tmp_path / "odd" / public.official_names()[2]).write_text("base_channels: many")
    import_by_menu(window, tmp_path / "odd", monkeypatch)
    assert "base_channels" in said(window)
    window.messages.hide()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    window.codecs.import_action.trigger()
    assert not window.messages.isVisible()
    assert not window.codecs.busy


def test_a_folder_that_cannot_be_written_is_reported(
    qtbot: QtBot, window: MainWindow, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.codecs_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.codecs_dir().write_text("a file where the folder should be")
    import_by_menu(window, own, monkeypatch)
    wait_installed(qtbot, window)
    assert "cannot be installed" in said(window)
    assert window.document.undo_text is None


def test_installing_the_codec_of_a_project_renders_it(
    qtbot: QtBot, window: MainWindow, hub: SlowHub, tmp_path: Path
) -> None:
    project = tmp_path / "song.lincae"
    window.document.apply("Codec", lambda session: edits.set_codec(session, "lin-cae"))
    assert window.save_to(project)
    window.actions_by_id["new"].trigger()
    window.open_project(project)
    assert "“lin-cae” is not installed" in said(window)
    assert said(window).endswith("Download it in Session > Codec.")
    assert window.rendering.plan.codec.id == "mdct-2x"
    assert checked(window) == ["lin-cae"]
    assert window.codecs.actions["lin-cae"].text() == "Lin-CAE (not installed)"
    start_download(window)
    wait_installed(qtbot, window)
    assert window.rendering.plan.codec.id == "lin-cae"
    assert "rendered with it" in said(window)
    assert not window.document.modified
    assert window.rendering.export_warnings() == []


def test_a_codec_installed_elsewhere_is_found_when_the_menu_is_opened(window: MainWindow, official: Path) -> None:
    window.document.apply("Codec", lambda session: edits.set_codec(session, "from-a-friend"))
    assert "Import it, or choose another, in Session > Codec" in said(window)
    import_folder(official, "from-a-friend", scale_factor=33.0)
    open_menu(window)
    assert window.rendering.plan.codec.id == "from-a-friend"


@pytest.mark.engine
@pytest.mark.slow
def test_what_lin_cae_renders_arrives_in_the_window(
    qtbot: QtBot, window: MainWindow, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: MediaStore
) -> None:
    short_clip(qtbot, window, tmp_path)
    import_by_menu(window, own, monkeypatch)
    wait_installed(qtbot, window)
    qtbot.waitUntil(lambda: window.rendering.progress() == (1, 1), timeout=ENGINE_LIMIT_MS)
    wait_rendered(qtbot, window)
    session = window.document.session
    rendered = window.rendering.rendered(0)
    assert rendered is not None
    assert rendered.latents.shape[1] == 64
    heard = window.rendering.reader().read(0, session.length)
    assert np.abs(heard).max() > 1e-3
    expected = render_all(session, StoreReader(store), session.codec)
    np.testing.assert_allclose(heard[:1], expected[:1], atol=1e-4 * np.abs(expected).max())
    loaded = registry.load(session.codec, window.rendering.computation.requested)
    assert window.rendering.plan.codec == loaded.info, "the engine has told what the precision comes to"

    def provisional() -> bool:
        return window.rendering.plan.codec.provisional

    assert not provisional()
    window.preferences.set(device="mps", precision="auto")
    assert provisional()
    qtbot.waitUntil(lambda: window.rendering.state(0) is ChunkState.FAILED, timeout=ENGINE_LIMIT_MS)
    qtbot.waitUntil(lambda: "“mps” is not available" in said(window), timeout=LIMIT_MS)
    window.preferences.set(device="cpu", precision="fp32")
    assert not provisional(), "known without asking"
    qtbot.waitUntil(lambda: window.rendering.progress() == (1, 1), timeout=ENGINE_LIMIT_MS)


@pytest.mark.engine
@pytest.mark.slow
def test_weights_that_do_not_fit_are_reported_once(
    qtbot: QtBot, window: MainWindow, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    pretrained.save_own(small_model(), wrong, title="Wrong", linear=True)
    config = wrong / "config.json"
    text = config.read_text()
    config.write_text(text.replace('"bottleneck_base_channels": 32', '"bottleneck_base_channels": 48'))
    assert config.read_text() != text
    window.open_paths([write_audio(tmp_path / "long.wav", noise(5, 10 * 44_100, level=0.1))])
    wait_imported(qtbot, window)
    problems: list[str] = []
    window.rendering.problem.connect(lambda problem: problems.append(str(problem)))
    import_by_menu(window, wrong, monkeypatch)
    wait_installed(qtbot, window)
    count = len(window.rendering.plan.audible)
    assert count > 2

    def all_failed() -> bool:
        return all(window.rendering.state(chunk.index) is ChunkState.FAILED for chunk in window.rendering.plan.audible)

    qtbot.waitUntil(all_failed, timeout=ENGINE_LIMIT_MS)
    qtbot.waitUntil(lambda: bool(problems), timeout=LIMIT_MS)
    assert len(problems) == 1
    assert "do not fit its configuration" in said(window)
    assert said(window).endswith("or choose another codec in Session > Codec.")


def test_downloading_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from lincae_studio.codecs import install\n"
        "from lincae_studio.errors import CodecError\n"
        "from lincae_studio.ui.commands import codecs\n"
        "try:\n    install.install_download('lin-cae', endpoint=sys.argv[1])\n"
        "except CodecError as error:\n    print(error)\n"
        "print('torch' in sys.modules)"
    )
    with LocalHub(tmp_path).running() as empty:
        done = subprocess.run([sys.executable, "-c", code, empty.endpoint], capture_output=True, text=True, check=True)
    assert "cannot be downloaded" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
