"""Finding files of a project that were moved: by content first, then by name and length. Any thread."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from msgspec import Struct

from lincae_studio.errors import MediaError
from lincae_studio.jobs import CancelToken, Progress, ReportProgress, no_progress
from lincae_studio.media.probe import EXTENSIONS, probe
from lincae_studio.media.reading.reader import FileInfo
from lincae_studio.media.store import digest_of, of_selection
from lincae_studio.session.digests import rate_of
from lincae_studio.session.model import Media
from lincae_studio.session.processes import Stretch

_SUFFIXES = frozenset(f".{ending}" for ending in EXTENSIONS)

#: Sample rate conversion rounds a length by less than this, in samples.
_ROUNDING = 2


class Match(Struct, frozen=True):
    """A file that matches an audio file of the project.

    Attributes:
        exact: the content is the same; otherwise only the name and the length.
    """

    path: Path
    exact: bool


def search(
    folder: Path,
    targets: Sequence[Media],
    progress: ReportProgress = no_progress,
    cancel: CancelToken | None = None,
) -> dict[str, Match]:
    """Search a folder and its subfolders for media files. Returns the matches, by digest.

    A file is read in full only where its size, name and length allow it to be one of the media. Links to folders are
    not followed.

    Raises:
        Cancelled: when `cancel` was set.
    """
    cancel = cancel or CancelToken()
    found: dict[str, Match] = {}
    paths = []
    for path in _audio_files(folder, targets):
        cancel.check()
        paths.append(path)
    # Files with a matching name first, so that a large folder need not be read for a file that kept its name.
    names = {name_of(media).casefold() for media in targets}
    paths.sort(key=lambda path: path.name.casefold() not in names)
    for number, path in enumerate(paths):
        cancel.check()
        missing = [media for media in targets if media.digest not in found or not found[media.digest].exact]
        if not missing:
            break
        progress(Progress(number, len(paths), path.name))
        found.update(_matches(path, missing, found, cancel))
    progress(Progress(len(paths) or 1, len(paths) or 1, "searched"))
    return found


def name_of(media: Media) -> str:
    """The file name of an audio file, from a path of any operating system."""
    path = media.original.path if media.original is not None else media.path
    return PureWindowsPath(path).name if "\\" in path and "/" not in path else PurePosixPath(path).name


def _audio_files(folder: Path, targets: Sequence[Media]) -> Iterator[Path]:
    names = {name_of(media).casefold() for media in targets}
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in _SUFFIXES or name.casefold() in names:
                yield Path(root, name)


def _matches(path: Path, targets: Sequence[Media], found: dict[str, Match], cancel: CancelToken) -> dict[str, Match]:
    """The media that a file matches."""
    try:
        size = path.stat().st_size
        candidates = [media for media in targets if _expected_size(media) in (0, size)]
        named = [media for media in targets if name_of(media).casefold() == path.name.casefold()]
        if not candidates and not named:
            return {}
        info = probe(path, wide=True)
        fitting = {media.digest for media in targets if _fits(media, info)}
        matches = {}
        if any(media.digest in fitting for media in candidates):
            digest = digest_of(path, cancel)
            matches = {
                media.digest: Match(path, exact=True)
                for media in candidates
                if of_selection(digest, _channel_selection(media), rate_of(_digest(media))) == _digest(media)
            }
        for media in named:
            chosen = _channel_selection(media) or (media.original is not None and media.original.chain)
            fits = media.digest in fitting and (media.source.channels == info.channels or chosen)
            if fits and media.digest not in matches and media.digest not in found:
                matches[media.digest] = Match(path, exact=False)
        return matches
    except (OSError, MediaError):
        return {}  # an unreadable file is not a match


def _fits(media: Media, info: FileInfo) -> bool:
    """Whether a file has the length of the media; that of a stretched original is known but for the rounding."""
    chain = media.original.chain if media.original is not None else ()
    factor = math.prod(process.factor for process in chain if isinstance(process, Stretch))
    length = info.length * rate_of(media.digest) / info.sample_rate
    return abs(media.source.length / factor - length) <= _ROUNDING / min(factor, 1.0)


def _expected_size(media: Media) -> int:
    return media.original.size if media.original is not None else media.size


def _channel_selection(media: Media) -> str:
    return media.original.channel_selection if media.original is not None else media.channel_selection


def _digest(media: Media) -> str:
    return media.original.digest if media.original is not None else media.source.digest
