"""Locations: shipped resources, and the user's cache, data, preferences and log."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import platformdirs

from lincae_studio import private

APP_NAME = "lincae-studio"

#: As the first argument of a frozen program: the rest is for pip.
PIP_FLAG = "--pip"

#: As the first argument: this process takes one measurement for a benchmark (`cli.measurement`).
MEASURE_FLAG = "--measure"

#: As the first argument of a frozen program: this process stretches audio (`media.stretch_process`).
STRETCH_FLAG = "--stretch"


def resource(relative: str) -> Path:
    """A shipped file or folder. Resources are inside the package in a wheel, and next to it in a checkout."""
    package = Path(__file__).resolve().parent
    for root in (package / "resources", package.parent / "resources"):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"the resource {relative} is missing from the installation")


def change_log() -> Path:
    """CHANGELOG.md. Raises `FileNotFoundError` like `resource`."""
    beside = Path(__file__).resolve().parent.parent / "CHANGELOG.md"
    return beside if beside.exists() else resource("CHANGELOG.md")


def constraints() -> Path:
    """The tested versions of all packages, for pip. Raises `FileNotFoundError` like `resource`."""
    beside = Path(__file__).resolve().parent.parent / "packaging" / "constraints.txt"
    return beside if beside.exists() else resource("constraints.txt")


def own_command() -> list[str]:
    """The command that starts this program."""
    return [sys.executable] if frozen() else [sys.executable, "-m", "lincae_studio"]


def pip_command() -> list[str]:
    """The command that starts pip; a frozen program contains it."""
    return [sys.executable, PIP_FLAG] if frozen() else [sys.executable, "-m", "pip"]


def stretch_command() -> list[str]:
    """The command that starts the process that stretches audio; nothing is imported from the current folder."""
    script = Path(__file__).resolve().parent / "media" / "stretch_process.py"
    return [sys.executable, STRETCH_FLAG] if frozen() else [sys.executable, "-P", str(script)]


def frozen() -> bool:
    """Whether this is the program for machines without Python."""
    return bool(getattr(sys, "frozen", False))


def in_resources(path: Path) -> bool:
    """Whether a path is among the shipped resources, which belong to the program and are replaced by updates."""
    try:
        root = resource("demo").parent
    except FileNotFoundError:
        return False
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def cache_dir() -> Path:
    """The cache: conformed audio, peaks, latents. `LINCAE_STUDIO_CACHE` overrides the platform's default folder."""
    override = os.environ.get("LINCAE_STUDIO_CACHE")
    if override:
        return Path(override)
    try:
        return Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False))
    except RuntimeError:
        return fallback_folder() / "cache"


def codecs_dir() -> Path:
    """Installed codecs. `LINCAE_STUDIO_CODECS` overrides the platform's default folder."""
    override = os.environ.get("LINCAE_STUDIO_CODECS")
    if override:
        return Path(override)
    try:
        return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)) / "codecs"
    except RuntimeError:
        return fallback_folder() / "codecs"


def preferences_file() -> Path:
    """The preferences file. `LINCAE_STUDIO_CONFIG` overrides the platform's default folder."""
    override = os.environ.get("LINCAE_STUDIO_CONFIG")
    try:
        folder = Path(override or platformdirs.user_config_dir(APP_NAME, appauthor=False))
    except RuntimeError:
        folder = fallback_folder()
    return folder / "preferences.json"


def window_file() -> Path:
    """The file in which the place of the window and its panels are remembered, beside the preferences."""
    return preferences_file().with_name("window.json")


def data_dir() -> Path:
    """User data that must not be lost: recovery folders, earlier versions of projects, previews.

    `LINCAE_STUDIO_DATA` overrides the platform's default folder.
    """
    override = os.environ.get("LINCAE_STUDIO_DATA")
    if override:
        return Path(override)
    try:
        return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))
    except RuntimeError:
        return fallback_folder() / "data"


def recovery_dirs() -> tuple[Path, Path]:
    """The folder in which edits are recorded for recovery, and a fallback if it cannot be written."""
    return data_dir() / "recovery", fallback_folder() / "recovery"


def versions_dir() -> Path:
    """The folder of earlier versions of projects."""
    return data_dir() / "versions"


def previews_dir() -> Path:
    """The folder of codecs' previews."""
    return data_dir() / "previews"


def log_file() -> Path:
    """The log file."""
    try:
        return Path(platformdirs.user_log_dir(APP_NAME, appauthor=False)) / "studio.log"
    except RuntimeError:
        return fallback_folder() / "studio.log"


def home() -> Path:
    """The user's home folder, where file dialogs start."""
    try:
        return Path.home()
    except RuntimeError:
        return fallback_folder()


def fallback_folder() -> Path:
    """A folder with a short path, also for users without a home (a uid without an account); it may not exist yet.

    In a place where everybody may write, it is never one that another user has made.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    first = Path(tempfile.gettempdir()) / f"{APP_NAME}-{user}"
    for folder in (first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 10))):
        try:
            private.check(folder)
            return folder
        except OSError:  # another user has taken the name
            continue
    return first
