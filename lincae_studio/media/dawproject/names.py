"""Names of the parts of the format, and sanitising of untrusted names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote

from lincae_studio.media.probe import EXTENSIONS

PROJECT = "project.xml"
METADATA = "metadata.xml"
AUDIO_FOLDER = "audio"

#: Longest stem of a written file, in bytes: with a digest and a suffix it fits every file system.
_STEM_BYTES = 120

#: Characters that XML 1.0 does not allow, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NOT_IN_FILES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')

#: A drive of Windows, and as it begins the path of a URL.
_DRIVE = re.compile(r"[A-Za-z][:|]")
_LOCAL_DRIVE = re.compile(r"^/*([A-Za-z])[:|](?=/)")

#: Names that Windows reserves for devices, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def xml_text(text: str) -> str:
    """The text without characters that XML does not allow."""
    return _NOT_XML.sub("", text)


def plain(name: str) -> str:
    """A name for comparing: letters with their accents composed, as macOS does not write them."""
    return unicodedata.normalize("NFC", name)


def member_name(path: str) -> str:
    """A path within an archive, normalised for lookup: composed, forward slashes, no empty or `.` parts."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return plain("/".join(parts))


def as_utf8(name: str) -> str:
    """A name that was read as code page 437 as UTF-8, which many programs write without saying so, if it is that."""
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def spellings(path: str) -> list[str]:
    """Possible spellings of a path, best first: it may be a file URL, or be escaped like one."""
    slashed = path.replace("\\", "/")
    if slashed[:5].lower() != "file:":
        return list(dict.fromkeys([slashed, unquote(slashed)]))
    host, slash, rest = slashed[5:].removeprefix("//").partition("/") if slashed[5:7] == "//" else ("", "", slashed[5:])
    if _DRIVE.fullmatch(host):
        rest = f"{host}/{rest}"
    elif host.lower() in ("", "localhost"):
        rest = slash + rest
    else:
        rest = f"//{host}/{rest}"
    return list(dict.fromkeys(_LOCAL_DRIVE.sub(r"\1:", way) for way in (unquote(rest), rest)))


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
