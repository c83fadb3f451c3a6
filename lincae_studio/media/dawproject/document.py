"""The XML of a DAWproject, read from a stranger's archive: no entities, no DTD, bounded in size, depth and elements."""

from __future__ import annotations

import contextlib
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

from lincae_studio import atomic
from lincae_studio.errors import ProjectError, os_error_reason
from lincae_studio.media.dawproject.names import PROJECT, member_name

#: Largest `project.xml`, in bytes.
MAX_XML_BYTES = 64 * 1024 * 1024

#: Deepest nesting of elements, and of clips that refer to others: programs write some 15.
MAX_DEPTH = 64

#: Elements that are kept; a note, a device and a scene count as one whatever is in them.
MAX_ELEMENTS = 500_000

#: Elements whose content means nothing here.
_CLOSED = frozenset({"Notes", "Devices", "Sends", "Scenes", "Video", "TimeSignatureAutomation"})

_PARSED_BYTES = 1 << 16

RESTORE = "Export it again from the program it comes from"


class Node:
    """An element: its name, attributes and children. `filled`: it had children, were they kept or not."""

    __slots__ = ("attributes", "children", "filled", "tag")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Node] = []
        self.filled = False

    def get(self, name: str) -> str | None:
        """The text of an attribute."""
        return self.attributes.get(name)

    def child(self, tag: str) -> Node | None:
        """The first child of a name."""
        return next((child for child in self.children if child.tag == tag), None)

    def number(self, name: str) -> float | None:
        """An attribute as a finite number, or minus infinity (of decibels); None where it is not one."""
        try:
            value = float(self.attributes[name])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) or value == -math.inf else None

    def flag(self, name: str, default: bool) -> bool:
        """An attribute as an XML boolean."""
        text = self.attributes.get(name, "").strip().lower()
        return {"true": True, "1": True, "false": False, "0": False}.get(text, default)

    def below(self) -> Iterator[Node]:
        """This element and all in it, in the order of the document."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


class _Builder:
    """What the parser tells of, as nodes."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._skipped = 0
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._skipped or (self._open and self._open[-1].tag in _CLOSED):
            self._open[-1].filled = True
            self._skipped += 1
            return
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise _Unreadable(f"it has more than {MAX_ELEMENTS:,} elements")
        if len(self._open) >= MAX_DEPTH:
            raise _Unreadable(f"its elements are nested more than {MAX_DEPTH} deep")
        node = Node(tag, attributes)
        if self._open:
            self._open[-1].children.append(node)
            self._open[-1].filled = True
        else:
            self.root = node
        self._open.append(node)

    def end(self, _tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self._open.pop()

    def close(self) -> Node | None:
        return self.root


class _Unreadable(Exception):  # noqa: N818  (becomes the reason of a `ProjectError`)
    """Why a document is refused."""


def parse(data: bytes, path: Path) -> Node:
    """The root of a `project.xml`. `path`: of the archive, for errors.

    Raises:
        ProjectError: when it is no well-formed XML, declares a document type or entities, is too deep or has too many
            elements, or is not a project.
    """
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        for start in range(0, len(data), _PARSED_BYTES):
            parser.feed(data[start : start + _PARSED_BYTES])
        parser.close()
    except (_Unreadable, ParseError, LookupError, ValueError) as error:
        # ValueError: what defusedxml refuses, and encodings that expat does not know.
        reason = str(error) if isinstance(error, _Unreadable) else f"it is no valid XML: {error}"
        raise ProjectError(f"cannot open {path}: its {PROJECT} cannot be read, {reason}", RESTORE) from error
    root = builder.root
    if root is None or root.tag != "Project":
        raise ProjectError(
            f"cannot open {path}: its {PROJECT} is not that of a DAWproject", "Choose a .dawproject file"
        )
    return root


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a stranger's archive makes its readers stumble over is an error of that file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # not of opening the file: damaged bzip2 data, places before its start
            raise ProjectError(f"cannot open {path}: it is damaged ({error})", RESTORE) from error
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot open {path}: {reason}", remedy) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        RuntimeError,  # encrypted, or compressed in a way that is not known
        ValueError,
        OverflowError,
    ) as error:
        raise ProjectError(f"cannot open {path}: it is damaged or not a DAWproject ({error})", RESTORE) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at a path. Raises `ProjectError` when there is none."""
    with reading(path):
        atomic.check_ordinary(path)
        archive = zipfile.ZipFile(path)
    with archive:
        yield archive


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their names as they are looked up; of two with one name the last."""
    return {member_name(info.filename): info for info in archive.infolist() if not info.is_dir()}


def read_project(archive: zipfile.ZipFile, path: Path) -> Node:
    """The root of the project in an archive.

    Raises:
        ProjectError: when there is none, it is too large, encrypted or damaged; and as `parse`.
    """
    info = members_of(archive).get(PROJECT)
    if info is None:
        raise ProjectError(f"cannot open {path}: there is no {PROJECT} in it", "Choose a .dawproject file")
    with reading(path), archive.open(info) as file:
        data = file.read(MAX_XML_BYTES + 1)
    if len(data) > MAX_XML_BYTES:
        problem = f"its {PROJECT} is larger than {MAX_XML_BYTES >> 20} MiB"
        raise ProjectError(f"cannot open {path}: {problem}", RESTORE)
    return parse(data, path)
