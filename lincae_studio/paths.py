"""Where things lie: shipped resources, and the user's cache and log folders."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

APP_NAME = "lincae-studio"


def resource(relative: str) -> Path:
    """A shipped file or folder. In a wheel resources lie inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent
    for root in (package / "resources", package.parent / "resources"):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"resource {relative!r} is missing from the installation")


def cache_dir() -> Path:
    """The cache: conformed media, peaks, latents. `LINCAE_STUDIO_CACHE` overrides the platform's place."""
    override = os.environ.get("LINCAE_STUDIO_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False))


def log_file() -> Path:
    """The log file of the window program."""
    return Path(platformdirs.user_log_dir(APP_NAME, appauthor=False)) / "studio.log"
