"""One start of the window; `bench start` runs it in a fresh process and measures from before that begins."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path


def figures(folder: Path) -> dict[str, float]:
    """The times of day of the first paint and of the complete window, in seconds, and whether torch was imported."""
    gc.disable()  # as `cli.window` does
    from lincae_studio.media.store import MediaStore
    from lincae_studio.ui.app import make_application
    from lincae_studio.ui.main_window import MainWindow

    app = make_application()
    window = MainWindow(MediaStore(folder), folder)
    found: dict[str, float] = {}

    def painted() -> None:
        found["painted_at"] = time.time()
        window.start_engine_and_views()
        found["complete_at"] = time.time()
        found["torch_imported"] = "torch" in sys.modules
        window.shut_down()
        app.quit()

    window.first_painted.connect(painted)
    window.show()
    app.exec()
    return found
