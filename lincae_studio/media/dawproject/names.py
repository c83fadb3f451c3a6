"""Names: those of the format's parts, and names of strangers made harmless."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from lincae_studio.media.probe import EXTENSIONS

PROJECT = "project.xml"
METADATA = "metadata.xml"
AUDIO_FOLDER = "audio"

#: Longest stem of a file that is made, in bytes: with a digest and a suffix it fits every file system.
_STEM_BYTES = 120

#: Characters that XML 1.0 cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NOT_IN_FILES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')

#: Names that Windows keeps for devices, whatever their suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def xml_text(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


def member_name(path: str) -> str:
    """A path within an archive as it is looked up: forward slashes, no dots or slashes in front."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join(parts)


def file_name(path: str) -> str:
    """A harmless name for a file, made of the last part of any path; its suffix is one of audio files."""
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    # Category C: controls, surrogates, and marks that turn the direction of writing.
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    pure = PurePosixPath(_NOT_IN_FILES.sub("_", shown).strip(" ."))
    known = pure.suffix[1:].lower() in EXTENSIONS
    stem = (pure.stem if known else pure.name).encode()[:_STEM_BYTES].decode(errors="ignore").strip(" .") or "audio"
    if _DEVICES.match(stem):
        stem = f"_{stem}"
    return stem + (pure.suffix if known else ".wav")


def names_to_try(name: str, digest: str) -> list[str]:
    """Names for a file of some content, the plain one first; where they are taken, parts of its digest come in."""
    path = PurePosixPath(name)
    return [name, *(f"{path.stem}-{digest[:length]}{path.suffix}" for length in (8, 16, 64))]
