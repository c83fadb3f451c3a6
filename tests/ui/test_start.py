"""Starting the program as a user does, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PySide6.QtGui import QImage

from lincae_studio.session import files
from lincae_studio.session.model import Session
from tests.helpers import DEMO, REPOSITORY, eventually, si_sdr_db

#: Where a headless command may not find a display.
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")

SHOW_AND_CLOSE = """
import sys
from PySide6.QtCore import QTimer
from lincae_studio.ui import app, main_window

def then(self, start=main_window.MainWindow.start_engine_and_views):
    start(self)
    self.actions_by_id["add_track"].trigger()
    self.timeline.axis.fit()
    self.grab()
    print("torch" in sys.modules, self.views.get("heatmap") is not None)
    self.document.replace(self.document.session, None)
    QTimer.singleShot(0, self, self.close)

main_window.MainWindow.start_engine_and_views = then
sys.exit(app.run_app([]))
"""

FIRST_AND_SECOND_START = """
import sys
from PySide6.QtCore import QTimer
from lincae_studio.ui import app
from lincae_studio.ui.commands.welcome import WelcomeCommands

def shown_after(offer, name):
    def then(self):
        offer(self)
        print(name, self.panel is not None)
        self._document.replace(self._document.session, None)
        QTimer.singleShot(0, self._window, self._window.close)
    return then

WelcomeCommands.show_once = shown_after(WelcomeCommands.show_once, sys.argv[1])
sys.exit(app.run_app([]))
"""

ON_SO_MANY_CORES = """
import os, sys
from lincae_studio import cores
from lincae_studio.ui import app

cores.count = lambda: int(sys.argv[1])
app.make_application()
print(os.environ.get("QT_NO_GUI_THREADPOOL"))
"""

START_WITH_A_PROJECT = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from lincae_studio.ui import app
from lincae_studio.ui.commands.projects import ProjectCommands
from lincae_studio.ui.commands.welcome import WelcomeCommands

WelcomeCommands.show_once = lambda self: print("welcome")
ProjectCommands.offer_recovery = lambda self: QTimer.singleShot(0, self._window, self._window.close)
sys.exit(app.run_app([Path(sys.argv[1])]))
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _DISPLAYS}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **changes}


def studio(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """`lincae-studio ...`, without a display unless one is given."""
    command = [sys.executable, "-m", "lincae_studio", *arguments]
    return subprocess.run(command, env=environment(**changes), capture_output=True, text=True, timeout=120)


def children_of(pid: int) -> dict[int, str]:
    """Processes below one, with their command lines."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if parent == pid:
            found[int(folder.name)] = line
    return found


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_window_opens_without_torch_and_closes_without_output() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SHOW_AND_CLOSE],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "False True\n"
    assert run.stderr == ""


@pytest.mark.parametrize(("number", "setting", "expected"), [(2, "", "1"), (16, "", "None"), (2, "0", "0")])
def test_on_few_cores_qt_paints_without_helpers_unless_told_otherwise(number: int, setting: str, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "QT_NO_GUI_THREADPOOL"}
    if setting:
        environment["QT_NO_GUI_THREADPOOL"] = setting
    command = [sys.executable, "-c", ON_SO_MANY_CORES, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == expected


@pytest.mark.slow
def test_the_first_start_alone_welcomes() -> None:
    lines = []
    for start in ("first", "second"):
        run = subprocess.run(
            [sys.executable, "-c", FIRST_AND_SECOND_START, start],
            env=environment(QT_QPA_PLATFORM="offscreen"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (run.returncode, run.stderr) == (0, "")
        lines.append(run.stdout)
    assert lines == ["first True\n", "second False\n"]


def test_a_start_with_a_file_does_not_welcome(tmp_path: Path) -> None:
    """Nor does one whose project has no tracks yet."""
    files.save(Session(), tmp_path / "song.lincae")
    run = subprocess.run(
        [sys.executable, "-c", START_WITH_A_PROJECT, str(tmp_path / "song.lincae")],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_an_unusable_cache_folder_is_reported_in_the_window(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    script = SHOW_AND_CLOSE.replace("    self.grab()", "    print(self.messages.text.text())", 1)
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(QT_QPA_PLATFORM="offscreen", LINCAE_STUDIO_CACHE=str(tmp_path / "file" / "cache")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert f"The cache folder {tmp_path / 'file' / 'cache'} cannot be created" in run.stdout
    assert "LINCAE_STUDIO_CACHE" in run.stdout


@pytest.mark.linux("elsewhere there is always a display")
def test_without_a_display_there_is_one_line_and_code_2() -> None:
    run = studio()
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "there is no display" in run.stderr
    assert "mix" in run.stderr


@pytest.mark.slow
def test_the_demo_writes_its_mix_and_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    run = studio("demo", "--headless", "--out", str(out))
    assert run.returncode == 0, run.stderr
    wav, png = out / "paper_lanterns.wav", out / "paper_lanterns.png"
    assert str(wav) in run.stdout
    assert str(png) in run.stdout
    mix = sf.read(wav, always_2d=True)[0]
    stems = [sf.read(path, always_2d=True)[0] for path in sorted(DEMO.glob("*.ogg"))]
    total = np.zeros_like(mix)
    for stem in stems:
        total[: len(stem)] += stem
    assert si_sdr_db(mix, total) > 19.0
    assert mix.std() == pytest.approx(total.std(), rel=0.05), "and as loud"
    image = QImage(str(png))
    assert (image.width(), image.height()) == (1440, 900)
    colors = {image.pixel(x, y) for x in range(0, 1440, 9) for y in range(0, 900, 9)}
    assert len(colors) > 100


@pytest.mark.linux("looks at /proc")
def test_a_killed_window_leaves_no_engine(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lincae_studio"],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: any("spawn_main" in line for line in children_of(process.pid).values()))
        below = children_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: not any(alive(pid) for pid in below))
    finally:
        process.kill()
        process.wait()
