"""Importing the audio of a DAWproject into a folder and the media store; undone if reading fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from lincae_studio import atomic
from lincae_studio.errors import MediaError, ProjectError, os_error_reason
from lincae_studio.jobs import CancelToken, ReportProgress
from lincae_studio.media.dawproject.document import members_of, reading
from lincae_studio.media.dawproject.names import file_name, member_name, names_to_try, plain, spellings
from lincae_studio.media.dawproject.pieces import FileRef, Stated
from lincae_studio.media.outside import is_outside
from lincae_studio.media.probe import probe
from lincae_studio.media.store import MediaStore, digest_of, of_selection
from lincae_studio.session.model import MAX_LENGTH, MAX_PATH, Media, Rate

_COPY_BYTES = 1 << 20

#: Audio of more bytes than this is refused if it is more than this many times its compressed size, as music never is.
_EXPANDED_BYTES, _MAX_EXPANSION = 1 << 30, 100

_DRIVE = re.compile(r"[A-Za-z]:/")


class AudioFiles:
    """Imports the files that clips refer to, each once. A context manager: written files are deleted on an error."""

    def __init__(
        self, archive: zipfile.ZipFile, path: Path, folder: Path, store: MediaStore, rate: Rate, cancel: CancelToken
    ) -> None:
        """`path`: path of the archive, for errors and for files relative to it; `rate`: the session's, in Hz."""
        self._archive = archive
        self._members = members_of(archive)
        self._folded = {name.casefold(): info for name, info in self._members.items()}
        self._path = path
        self._folder = folder
        self._store = store
        self._rate = rate
        self._cancel = cancel
        self._written: list[Path] = []
        self._made: list[Path] = []
        #: Names of files in the folder by their digests.
        self._placed: dict[str, str] = {}
        self.notes: dict[str, None] = {}

    def __enter__(self) -> AudioFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            for path in self._written:
                with contextlib.suppress(OSError):
                    path.unlink()
        if kind is not None or not self._written:
            for folder in reversed(self._made):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def check_room(self, files: list[FileRef]) -> None:
        """Check the space that the audio files of the archive take on the disk.

        Raises:
            ProjectError: when the disk has too little, or a small archive would expand to fill it.
        """
        members = [self._member(file.path) for file in files if not file.external]
        found = {info.filename: info for info in members if info is not None}.values()
        size = sum(info.file_size for info in found)
        if size > max(_EXPANDED_BYTES, _MAX_EXPANSION * sum(info.compress_size for info in found)):
            problem = f"its audio would expand to {size / 1e9:.1f} GB, over {_MAX_EXPANSION} times its compressed size"
            raise ProjectError(f"cannot open {self._path}: {problem}", "Export it again from the program that wrote it")
        parent = next(place for place in (self._folder, *self._folder.absolute().parents) if os.path.exists(place))
        with self._writing():
            room = shutil.disk_usage(parent).free
        if size > room:
            problem = f"its audio needs {size / 1e9:.1f} GB, but the disk of {parent} has {room / 1e9:.1f} GB free"
            raise ProjectError(f"cannot open {self._path}: {problem}", "Free some space, or choose another folder")

    def media_of(self, file: FileRef, stated: Stated, progress: ReportProgress) -> Media | None:
        """Import a file; None, with a note, when the archive lacks it or it is not readable audio.

        A file outside the archive that is missing is listed as the project states it, so that it can be located.

        Raises:
            ProjectError: when the archive is damaged or the folder cannot be written.
            MediaError: when the store cannot be written.
            Cancelled: when the token was set.
        """
        name = f"“{file.path}”"
        place = self._outside(file.path) if file.external else self._extracted(file.path)
        if place is None and file.external:
            self.notes[f"the audio file {name} is missing; its clips are silent until it is located"] = None
            return self._missing(file.path, stated)
        if place is None:
            self.notes[f"the audio file {name} is missing; its clips are left out"] = None
            return None
        if file.external and is_outside(place, self._path.absolute().parent):
            self.notes[f"the audio file {name} is outside the folder of the project: {place}"] = None
        try:
            wide = probe(place, wide=True).channels > 2
        except MediaError as error:
            self._leave_out(name, place, error)
            return None
        try:
            found = self._store.import_file(place, progress, self._cancel, "mix" if wide else "", rate=self._rate)
        except MediaError as error:
            if isinstance(error.__cause__, OSError):  # a problem of the store's disk, not of the file
                raise
            self._leave_out(name, place, error)
            return None
        if wide:
            self.notes[f"{name} has more than 2 channels; it is mixed to mono"] = None
        return found

    def _missing(self, text: str, stated: Stated) -> Media:
        """A file that is not there, with a digest that no file has."""
        selection = "mix" if stated.channels > 2 else ""
        here = spellings(text)[0]
        path = file_name(here) if _elsewhere(here) or len(here) > MAX_PATH else here
        return Media(
            digest=of_selection(hashlib.sha256(f"missing {text}".encode()).hexdigest(), selection, self._rate),
            path=os.path.normpath(self._path.absolute().parent / path),
            sample_rate=int(min(max(stated.sample_rate, 1), 1e8)) if stated.sample_rate > 0 else self._rate,
            channels=2 if stated.channels == 2 else 1,
            length=min(max(round(min(stated.seconds, 1e6) * self._rate), 1), MAX_LENGTH),
            channel_selection=selection,
        )

    def _leave_out(self, name: str, place: Path, error: MediaError) -> None:
        self.notes[f"the audio file {name} cannot be used and its clips are left out: {error.problem}"] = None
        if place in self._written:
            place.unlink(missing_ok=True)
            self._written.remove(place)

    def _outside(self, text: str) -> Path | None:
        """A file relative to the project or at an absolute path; None when it is missing or on another computer."""
        for spelling in spellings(text) if len(text) <= MAX_PATH else ():
            place = Path(os.path.normpath(self._path.absolute().parent / spelling))
            found = None if _elsewhere(spelling) else _existing(place)
            if found is not None:
                return found
        return None

    def _member(self, path: str) -> zipfile.ZipInfo | None:
        """The file of the archive at a path, which may be escaped, or differ in case."""
        names = [member_name(spelling) for spelling in spellings(path)]
        return next((self._members[name] for name in names if name in self._members), None) or next(
            (self._folded[name.casefold()] for name in names if name.casefold() in self._folded), None
        )

    def _extracted(self, path: str) -> Path | None:
        """Extract a file of the archive to the folder; None when the archive does not contain it."""
        info = self._member(path)
        if info is None:
            return None
        with self._writing():
            self._make_folder()
            with atomic.temporary(self._folder) as temporary:
                digest = self._copy(info, temporary)
                # The same content under two names is imported once.
                known = next((place for place in self._written if place.name == self._placed.get(digest)), None)
                place = known or self._place(temporary, file_name(path), digest)
                self._placed[digest] = place.name
                return place

    def _copy(self, info: zipfile.ZipInfo, target: Path) -> str:
        digest = hashlib.sha256()
        with reading(self._path):
            source = self._archive.open(info)
        with source, open(target, "wb") as writing:
            while True:
                self._cancel.check()
                with reading(self._path):
                    data = source.read(_COPY_BYTES)
                if not data:
                    return digest.hexdigest()
                digest.update(data)
                writing.write(data)

    def _place(self, temporary: Path, name: str, digest: str) -> Path:
        """Move the file to its name or another free one; an existing file with the same content is used instead."""
        for candidate in names_to_try(name, digest):
            target = self._folder / candidate
            if not os.path.lexists(target):
                temporary.rename(target)
                self._written.append(target)
                return target
            if target.is_file() and digest_of(target, self._cancel) == digest:
                return target
        raise ProjectError(f"cannot write {name} to {self._folder}: all names are taken", "Choose another folder")

    def _make_folder(self) -> None:
        if not os.path.exists(self._folder):
            missing = [place for place in (self._folder, *self._folder.parents) if not os.path.exists(place)]
            for place in reversed(missing):
                place.mkdir()
                self._made.append(place)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason, remedy = os_error_reason(error, self._folder / "file")
            raise ProjectError(f"cannot write audio to {self._folder}: {reason}", remedy) from error


def _elsewhere(path: str) -> bool:
    """Whether a path is on a server, on a drive where there are none, or none at all."""
    return path.startswith("//") or "\0" in path or (_DRIVE.match(path) is not None and os.name != "nt")


def _existing(path: Path) -> Path | None:
    """The path as it is on the disk, where letters may differ in case and in how accents are written."""
    here = Path(path.anchor)
    try:
        if os.path.exists(path):
            return path
        for part in path.parts[1:]:
            if not os.path.exists(here / part):
                wanted = plain(part).casefold()
                part = min(name for name in os.listdir(here) if plain(name).casefold() == wanted)
            here /= part
    except (OSError, ValueError):  # not there, not a folder, not readable, a name that is too long
        return None
    return here
