"""Run as a program by `test_autosave`: a window that is edited, saved and exported until it is killed.

It prints "next" and the name of the first track before every change, and "written" and the name when the journal has
everything; every edit gives another name.
"""

from __future__ import annotations

import random
import sys
from functools import partial
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
    names: list[str] = []
    number = 0

    def say(what: str) -> None:
        print(what, names[-1], flush=True)

    def say_written() -> None:
        assert window.autosave.journal.settle(60.0)
        say("written")

    def act() -> None:
        nonlocal number
        if window.importer.busy:
            return
        track = window.document.session.tracks[0]
        if not names:
            names.append(track.name)
            say_written()
        choice = rng.random()
        if choice < 0.06:
            window.save_to(project)
        elif choice < 0.10 and not window.exporter.busy:
            window.exporter.export(folder / f"mix {number}.wav")
        elif choice < 0.2 and len(names) > 1:
            names.pop()
            say("next")
            window.document.undo()
        elif choice < 0.3:
            say_written()
        else:
            number += 1
            names.append(f"edit {number} of {seed}")
            say("next")
            window.document.apply("Rename Track", partial(edits.rename_track, track_id=track.id, name=names[-1]))

    timer = QTimer()
    timer.timeout.connect(act)
    timer.start(4)
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
