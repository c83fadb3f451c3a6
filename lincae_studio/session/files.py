"""Project files (`.lincae`): a versioned JSON manifest, read strictly and written atomically.

Media are listed by their path relative to the project file where there is one, so that a folder can be moved as a
whole. Nothing in the file is executed, and no other file is touched.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from lincae_studio import atomic, bounded
from lincae_studio.errors import EditError, ProjectError, os_error_reason
from lincae_studio.session.model import DEFAULT_RATE, Media, Session
from lincae_studio.session.rules import check

SUFFIX = ".lincae"
#: Suffixes of other files that contain sessions: latent bundles (`engine.bundles`) and projects of other programs
#: (`media.dawproject`). They are here so that code that needs only the suffixes loads nothing else.
BUNDLE_SUFFIX = ".lincaez"
DAWPROJECT_SUFFIX = ".dawproject"
FORMAT: Final = "lincae-studio-project"
#: Version 2 added envelopes and subtracted tracks; 3 markers, the loop, and the fade shapes, mute, colour and group of
#: clips; 4 the tempo, and media that use some of a file's channels; 5 file sizes, media that exist only as latents, and
#: units in the names of fields; 6 the master, the heights of tracks, and the note that a beat is; 7 the session's rate,
#: which was 44.1 kHz before; 8 snapshots, the morph, groups of tracks, and regions of latents; 9 operators and
#: inserts of tracks, what media are derived from by processing, the tempos of clips, locked tracks, and lengths of
#: markers.
VERSION: Final = 10

#: Names of fields before version 5, without units, by the object they belong to.
_OLD_NAMES = {
    "media": {"sample_rate": "sample_rate_hz", "length": "length_samples"},
    "clips": {name: f"{name}_samples" for name in ("start", "offset", "length", "fade_in", "fade_out")},
    "markers": {"at": "at_samples"},
    "loop": {"start": "start_samples", "end": "end_samples"},
    "tempo": {"start": "start_samples"},
}

#: A larger manifest is refused: 2,000 clips take about 0.5 MB.
MAX_BYTES = 64 * 1024 * 1024

#: Symbolic links are resolved in paths of up to this many parts; each part costs a look at the disk.
_MAX_PARTS = 256


class _Envelope(Struct, frozen=True):
    """The fields common to all versions; the rest is read once the version is known."""

    format: str
    version: Annotated[int, Meta(ge=1)]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project file. All sample counts are at the session rate."""

    format: Literal["lincae-studio-project"] = FORMAT
    version: Literal[10] = VERSION
    session: Session


def is_bundle(path: Path) -> bool:
    """Whether a file name has the suffix of a latent bundle."""
    return path.suffix.lower() == BUNDLE_SUFFIX


def is_dawproject(path: Path) -> bool:
    """Whether a file name has the suffix of a DAWproject."""
    return path.suffix.lower() == DAWPROJECT_SUFFIX


def fingerprint(path: Path) -> str | None:
    """The SHA-256 of a project's content, in hexadecimal; a text for a file too large; None without a readable file."""
    try:
        return hashlib.sha256(bounded.read(path, MAX_BYTES)).hexdigest()
    except OSError as error:
        return "too large for a project" if error.errno == errno.EFBIG else None


def save(session: Session, path: Path, private: bool = False) -> None:
    """Write a project file, replacing an existing one only once the new one is complete.

    Args:
        private: only the user may read a new file.

    Raises:
        ProjectError: when the file cannot be written, a name in it is not valid Unicode, or the file could not be
            opened again; an existing file is kept.
    """
    try:
        data = encode(session, path.parent)
        atomic.sweep(path.parent)
        atomic.write_bytes(path, data, private)
    except UnicodeEncodeError as error:
        name = str(error.object).encode(errors="backslashreplace").decode()
        problem = f"cannot save {path}: the name {name} is not valid Unicode"
        raise ProjectError(problem, "Rename the audio file on the disk, or the track or clip in the session") from error
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot save {path}: {reason}", remedy) from error


def encode(session: Session, folder: Path) -> bytes:
    """The manifest of a session, for a file in `folder`. It is read back, so that every saved project can be opened.

    Raises:
        ProjectError: when the session breaks a rule, or is too large.
        UnicodeEncodeError: for names that are not valid Unicode.
    """
    session = _with_paths(session, lambda media: _relative(media, folder))
    manifest = Manifest(session=session)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    problem = _problem_of(data)
    if problem:
        remedy = "Undo the last edits and save again; a file on the disk has not been changed"
        raise ProjectError(f"the session cannot be saved, as it could not be opened again: {problem}", remedy)
    return data


def _problem_of(data: bytes) -> str:
    """Why a manifest could not be opened; empty when it can be."""
    if len(data) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 2**20} MiB"
    try:
        check(msgspec.json.decode(data, type=Manifest).session)
    except msgspec.DecodeError as error:
        return str(error)
    except EditError as error:
        return error.problem
    return ""


def schema() -> dict[str, Any]:
    """The JSON Schema of project files, which ships with the program."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "LinCAE Studio project"}
    return head | msgspec.json.schema(Manifest)


def load(path: Path) -> Session:
    """Read a project file and validate its content; media files are not opened.

    Raises:
        ProjectError: when it cannot be read, is not a project, was saved by a newer version, or is not valid.
    """
    try:
        data = bounded.read(path, MAX_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            problem = f"cannot open {path}: it is too large for a project file"
            raise ProjectError(problem, "Choose a .lincae file") from error
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot open {path}: {reason}", remedy) from error
    return parse(data, path)


def parse(data: bytes, path: Path) -> Session:
    """Parse a manifest; relative media paths start at the folder of `path`, which also names the file in errors.

    Raises:
        ProjectError: as `load`.
    """
    restore = "If it was damaged, restore it from a backup"
    data = data.removeprefix(codecs.BOM_UTF8)  # some text editors write a byte order mark
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProjectError(f"cannot open {path}: it is not a LinCAE Studio project ({error})", restore) from error
    if envelope.format != FORMAT:
        raise ProjectError(f"cannot open {path}: it is not a LinCAE Studio project", "Choose a .lincae file")
    if envelope.version > VERSION:
        versions = f"format {envelope.version}; this version reads up to {VERSION}"
        raise ProjectError(f"cannot open {path}: it was saved by a newer version ({versions})", "Update LinCAE Studio")
    try:
        if envelope.version < VERSION:
            session = msgspec.convert(_upgraded(msgspec.json.decode(data)), Manifest).session
        else:
            session = msgspec.json.decode(data, type=Manifest).session
        check(session)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProjectError(f"cannot open {path}: {error}", restore) from error
    except EditError as error:
        raise ProjectError(f"cannot open {path}: {error.problem}", restore) from error
    return _with_paths(session, lambda media: _resolved(path.parent / media))


def _upgraded(manifest: Any) -> Any:
    """Convert a manifest of an earlier version to the current one; errors in it are left for validation."""
    if not isinstance(manifest, dict):
        return manifest
    manifest = manifest | {"version": VERSION}
    if "session_rate_hz" in manifest:  # since then fields were only added, each with a default
        if manifest["session_rate_hz"] == DEFAULT_RATE:  # other values stay, and are refused
            del manifest["session_rate_hz"]
        return manifest
    session = manifest.get("session")
    if isinstance(session, dict):
        session = {name: _renamed(value, _OLD_NAMES.get(name, {})) for name, value in session.items()}
        for track in tracks if isinstance(tracks := session.get("tracks"), list) else ():
            if isinstance(track, dict) and "clips" in track:
                track["clips"] = _renamed(track["clips"], _OLD_NAMES["clips"])
    return manifest | {"session": session}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A value with its fields renamed; in a list, the fields of each item."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {names.get(name, name): item for name, item in value.items()}
    return value


def _with_paths(session: Session, change: Callable[[str], str]) -> Session:
    def moved(media: Media) -> Media:
        original = media.original
        if original is not None:
            original = replace(original, path=change(original.path))
        return replace(media, path=change(media.path), original=original)

    return replace(session, media=tuple(map(moved, session.media)))


def _resolved(path: str | Path) -> str:
    return (os.path.realpath if str(path).count(os.sep) <= _MAX_PARTS else os.path.normpath)(path)


def _relative(media: str, folder: Path) -> str:
    """The path from the project's folder, with forward slashes; absolute if on another drive."""
    try:
        return Path(os.path.relpath(_resolved(media), os.path.realpath(folder))).as_posix()
    except ValueError:
        return Path(media).as_posix()
