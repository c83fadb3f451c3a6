"""Importing several files: the media, the problems, and the files that need a choice of channels.

Any thread; no Qt.
"""

from __future__ import annotations

import enum
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from lincae_studio import cores
from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, share_of
from lincae_studio.media.probe import EXTENSIONS, WideFileError
from lincae_studio.media.reading.reader import FileInfo
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Media, Rate


class Imported(Struct, frozen=True):
    """The result of an import.

    Attributes:
        media: imported media by file, in the order given.
        problems: one message for each file that could not be imported.
        wide: files with more than two channels, for which the user must choose.
        warnings: one message for each imported file that may be incomplete.
    """

    media: dict[Path, tuple[Media, ...]]
    problems: tuple[str, ...]
    wide: tuple[FileInfo, ...] = ()
    warnings: tuple[str, ...] = ()


class MultichannelChoice(enum.Enum):
    """What to do with a file that has more than two channels."""

    SPLIT = "Each channel on its own track"
    FIRST_TWO = "The first two channels as stereo"
    MIX = "All channels mixed to mono"

    def selections(self, channels: int) -> tuple[str, ...]:
        """The selections of such a file to import, each as in `Media.channel_selection`."""
        if self is MultichannelChoice.SPLIT:
            return tuple(str(number + 1) for number in range(channels))
        return ("1,2",) if self is MultichannelChoice.FIRST_TWO else ("mix",)


def natural_order(paths: Sequence[Path]) -> list[Path]:
    """Sort paths by name in natural order: `track 2` before `track 10`."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", path.name.casefold())
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

    return sorted(paths, key=key)


def with_folders(paths: Iterable[Path]) -> list[Path]:
    """The files, with audio files in place of folders: those in a folder and below, by their extension."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        for root, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            audio = (name for name in names if Path(name).suffix.lower()[1:] in EXTENSIONS and name[0] != ".")
            found += [Path(root, name) for name in audio]
    return found


def import_all(
    store: MediaStore,
    paths: Sequence[Path],
    progress: ReportProgress,
    cancel: CancelToken,
    rate: Rate,
    selections: Mapping[Path, Sequence[str]] | None = None,
) -> Imported:
    """Import files on all cores; a file that cannot be read does not stop the import of the others.

    Args:
        rate: the session's, in Hz.
        selections: channel selections for files with more than two channels; files without one are returned in `wide`.

    Raises:
        Cancelled: when `cancel` was set.
    """
    shared = _SharedProgress(progress, len(paths))

    def read(number: int) -> Imported:
        path, report, warnings = paths[number], shared.of_file(number), list[str]()
        try:
            chosen = (selections or {}).get(path, ("",))
            media = tuple(store.import_file(path, report, cancel, one, warnings.append, rate=rate) for one in chosen)
        except WideFileError as error:
            return Imported({}, (), (error.info,), tuple(warnings))
        except MediaError as error:
            return Imported({}, (str(error),), (), tuple(warnings))
        return Imported({path: media}, (), (), tuple(warnings))

    # Decoding, resampling, hashing and writing all release the interpreter's lock.
    with ThreadPoolExecutor(cores.count(), thread_name_prefix="import") as pool:
        running = [pool.submit(read, number) for number in range(len(paths))]
        try:
            found = [future.result() for future in running]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Imported(
        {path: media for one in found for path, media in one.media.items()},
        tuple(problem for one in found for problem in one.problems),
        tuple(info for one in found for info in one.wide),
        tuple(dict.fromkeys(warning for one in found for warning in one.warnings)),
    )


class _SharedProgress:
    """The progress of files that are imported at the same time, as that of one job. Reports come one at a time."""

    def __init__(self, progress: ReportProgress, files: int) -> None:
        self._progress = progress
        self._fractions = [0.0] * files
        self._lock = threading.Lock()

    def of_file(self, number: int) -> ReportProgress:
        """A progress callback for one file, for any thread."""

        def report(part: Progress) -> None:
            with self._lock:
                self._fractions[number] = max(self._fractions[number], part.fraction)
                share = sum(self._fractions) / len(self._fractions)
                share_of(self._progress, 0.0, share, "Importing")(Progress(1, 1, part.label))

        return report
