"""Errors that a user can cause or run into: each says what went wrong, why, and what to do next.

Bugs of the program are not among them: those are `assert`s and ordinary exceptions.
"""

from __future__ import annotations

from pathlib import Path


class StudioError(Exception):
    """Base of all errors that are shown to the user.

    Attributes:
        problem: what went wrong and why, one sentence without a final full stop.
        remedy: what to do next, one sentence without a final full stop; may be empty.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}." if self.remedy else f"{self.problem}."


class EditError(StudioError):
    """An edit that is not valid (a negative length, an unknown track)."""


class MediaError(StudioError):
    """An audio file that cannot be imported or read back."""


class ProjectError(StudioError):
    """A project file that cannot be opened or saved."""


class CodecError(StudioError):
    """A codec that is unknown or cannot be loaded."""


class ExportError(StudioError):
    """A file that cannot be written."""


class EngineError(StudioError):
    """The engine failed to render a chunk, or cannot be started."""


class PreferencesError(StudioError):
    """A preferences file that cannot be read or written."""


class AudioDeviceError(StudioError):
    """No usable audio output."""


class UsageError(StudioError):
    """A command-line argument that is not valid."""


class Cancelled(Exception):  # noqa: N818  (not an error: the user asked for it)
    """Raised inside a job after it was cancelled; no incomplete file is left behind."""


def os_error_reason(error: OSError, path: Path | str) -> tuple[str, str]:
    """The reason and the remedy, as text, for an `OSError` at `path`."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full", f"Free some space on the disk of {Path(path).parent}, or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied", "Choose a folder you can write to, or change the permissions"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open", "Raise the system's limit of open files (ulimit -n), or close other programs"
    if error.errno == errno.EROFS:
        return "the disk is read-only", "Choose a folder on another disk"
    if error.errno == errno.ENOENT:
        return "there is no such file or folder", "Check the path"
    if error.errno == errno.EISDIR:
        return "it is a folder", "Give the name of a file"
    return (error.strerror or str(error)), "Check the path and the disk"
