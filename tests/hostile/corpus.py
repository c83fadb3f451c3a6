"""The whole hostile corpus. To write it to a folder: `python -m tests.hostile.corpus FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.helpers import noise, write_audio
from tests.hostile import archives, codec_folders, machine, projects  # noqa: F401  # they register their cases
from tests.hostile.case import CASES, SECRET

__all__ = ["CASES", "SECRET"]

if __name__ == "__main__":
    root = Path(sys.argv[1])
    write_audio(root / SECRET, noise(9, 44_100))
    for one in CASES:
        folder = root / one.kind / one.make.__name__
        folder.mkdir(parents=True)
        print(one.make(folder))
