"""Names of the parts of the format, and sanitising of untrusted names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from lincae_studio.media.probe import EXTENSIONS

PROJECT = "project.xml"
METADATA = "metadata.xml"
AUDIO_FOLDER = "audio"

#: Longest stem of a written file, in bytes: with a digest and a suffix it fits every file system.
_STEM_BYTES = 120

#: Characters that XML 1.0 does not allow, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NOT_IN_FILES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')

#: Names that Windows reserves for devices, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def xml_text(text: str) -> str:
    """The text without characters that XML does not allow."""
    return _NOT_XML.sub("", text)


def member_name(path: str) -> str:
    """A path within an archive, normalised for lookup: forward slashes, no empty or `.` parts."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join(parts)


def file_name(path: str) -> str:
    """A safe file name from the last part of a path; its suffix is that of an audio format."""
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    # Category C: control characters, surrogates, and marks that change the writing direction.
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    pure = PurePosixPath(_NOT_IN_FILES.sub("_", shown).strip(" ."))
    known = pure.suffix[1:].lower() in EXTENSIONS
    stem = (pure.stem if known else pure.name).encode()[:_STEM_BYTES].decode(errors="ignore").strip(" .") or "audio"
    if _DEVICES.match(stem):
        stem = f"_{stem}"
    return stem + (pure.suffix if known else ".wav")


def names_to_try(name: str, digest: str) -> list[str]:
    """Names to try for a file, the plain one first, then ones with parts of the digest of its content."""
    path = PurePosixPath(name)
    return [name, *(f"{path.stem}-{digest[:length]}{path.suffix}" for length in (8, 16, 64))]
