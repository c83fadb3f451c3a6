"""The XML of a DAWproject, read from an untrusted archive: no entities, no DTD, limited size, depth and elements."""

from __future__ import annotations

import contextlib
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

from lincae_studio import bounded
from lincae_studio.errors import ProjectError, os_error_reason
from lincae_studio.media.dawproject.names import PROJECT, as_utf8, member_name

#: Largest `project.xml`, in bytes.
MAX_XML_BYTES = 64 * 1024 * 1024

#: Deepest nesting of elements, and of clips that refer to others; real projects have about 15 levels.
MAX_DEPTH = 64

#: Most elements that are read, not counting the content of skipped ones.
MAX_ELEMENTS = 500_000

#: Elements whose content is skipped.
_CLOSED = frozenset({"Notes", "Devices", "Sends", "Scenes", "Video"})

_PARSED_BYTES = 1 << 16

#: A number with a decimal comma, as programs write it in some countries.
_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")

#: The flag of a member whose name is UTF-8.
_UTF8_FLAG = 0x800

RESTORE = "Export it again from the program that wrote it"


class Node:
    """An element: its name, attributes and children.

    Attributes:
        filled: it had children, even if they were skipped.
        unread: what was asked of it as a number and is none, by node and attribute; shared by a document's nodes.
    """

    __slots__ = ("attributes", "children", "filled", "tag", "unread")

    def __init__(self, tag: str, attributes: dict[str, str], unread: dict[tuple[int, str], str] | None = None) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Node] = []
        self.filled = False
        self.unread = {} if unread is None else unread

    def get(self, name: str) -> str | None:
        """The text of an attribute."""
        return self.attributes.get(name)

    def child(self, tag: str) -> Node | None:
        """The first child with this name."""
        return next((child for child in self.children if child.tag == tag), None)

    def number(self, name: str) -> float | None:
        """An attribute as a finite number, or minus infinity (for decibels); None, and recorded, if it is none."""
        text = self.attributes.get(name)
        if text is None:
            return None
        try:
            value = float(text.replace(",", ".") if _COMMA.fullmatch(text) else text)
        except ValueError:
            value = math.nan
        if math.isfinite(value) or value == -math.inf:
            return value
        self.unread[id(self), name] = text
        return None

    def flag(self, name: str, default: bool) -> bool:
        """An attribute as an XML boolean."""
        text = self.attributes.get(name, "").strip().lower()
        return {"true": True, "1": True, "false": False, "0": False}.get(text, default)

    def below(self) -> Iterator[Node]:
        """This element and all its descendants, in document order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


class _Builder:
    """Builds nodes from the events of the parser."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._unread: dict[tuple[int, str], str] = {}
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
            raise _Unreadable(f"its elements are nested more than {MAX_DEPTH} levels deep")
        node = Node(tag, attributes, self._unread)
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
    """Parse a `project.xml` and return its root. `path`: path of the archive, for errors.

    Raises:
        ProjectError: when it is not well-formed XML, declares a document type or entities, is nested too deep, has too
            many elements, or is not a project.
    """
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        for start in range(0, len(data), _PARSED_BYTES):
            parser.feed(data[start : start + _PARSED_BYTES])
        parser.close()
    except (_Unreadable, ParseError, LookupError, ValueError) as error:
        # ValueError: what defusedxml refuses, and encodings that expat does not know.
        reason = str(error) if isinstance(error, _Unreadable) else f"it is not valid XML: {error}"
        raise ProjectError(f"cannot open {path}: its {PROJECT} cannot be read; {reason}", RESTORE) from error
    root = builder.root
    if root is None or root.tag != "Project":
        raise ProjectError(
            f"cannot open {path}: its {PROJECT} is not that of a DAWproject", "Choose a .dawproject file"
        )
    return root


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Report any error while reading an untrusted archive as a `ProjectError`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # not from opening the file: damaged bzip2 data, offsets before its start
            raise ProjectError(f"cannot open {path}: it is damaged ({error})", RESTORE) from error
        reason, remedy = os_error_reason(error, path)
        raise ProjectError(f"cannot open {path}: {reason}", remedy) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        RuntimeError,  # encrypted, or an unknown compression method
        ValueError,
        OverflowError,
    ) as error:
        raise ProjectError(f"cannot open {path}: it is damaged or not a DAWproject ({error})", RESTORE) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive at a path. Raises `ProjectError` when it cannot be opened."""
    with contextlib.ExitStack() as stack:
        with reading(path):
            file = stack.enter_context(bounded.open_regular(path))
            archive = stack.enter_context(bounded.open_archive(file))
        yield archive


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by normalised name; of two with the same name, the last.

    A name that is not declared as UTF-8 is listed as read, and as UTF-8 if it is that.
    """
    files = [info for info in archive.infolist() if not info.is_dir()]
    undeclared = (info for info in files if not info.flag_bits & _UTF8_FLAG)
    guessed = {member_name(as_utf8(info.filename)): info for info in undeclared}
    return guessed | {member_name(info.filename): info for info in files}


def read_project(archive: zipfile.ZipFile, path: Path) -> Node:
    """The root of the project in an archive.

    Raises:
        ProjectError: when there is none, when it is too large, encrypted or damaged; and as in `parse`.
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
