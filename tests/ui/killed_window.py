"""Run as a program by `test_safekeeping`: a window that is edited, saved and exported until it is killed.

It prints the time and the name of the first track after every change; every edit gives it another name.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.ui.main_window import MainWindow
from lincae_studio.ui.model.preference_store import PreferenceStore


def main(folder: Path, seed: int) -> None:
    app = QApplication([])
    preferences = PreferenceStore(None)
    preferences.set(autosave_minutes=0.002)
    window = MainWindow(MediaStore(folder / "cache"), folder / "cache", preferences)
    window.show()
    window.start_engine_and_views()
    rng = random.Random(seed)
    window.open_paths([folder / "tone.wav"])
    project = folder / "song.lincae"
    number = 0

    def act() -> None:
        nonlocal number
        if window.importer.busy:
            return
        choice = rng.random()
        if choice < 0.06:
            window.save_to(project)
        elif choice < 0.10 and not window.exporter.busy:
            window.exporter.export(folder / f"mix {number}.wav")
        elif choice < 0.2:
            window.document.undo()
        elif window.document.session.tracks:
            number += 1
            track = window.document.session.tracks[0].id
            name = f"edit {number} of {seed}"
            window.document.apply("Rename Track", lambda s: edits.rename_track(s, track, name))

    def tell() -> None:
        tracks = window.document.session.tracks
        print(time.time(), tracks[0].name if tracks else "nothing", flush=True)

    window.document.changed.connect(tell)
    timer = QTimer()
    timer.timeout.connect(act)
    timer.start(4)
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
