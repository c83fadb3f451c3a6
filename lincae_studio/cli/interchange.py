"""Exchanging projects with other DAWs without a window: exporting and importing DAWprojects."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lincae_studio.cli.headless import headless
from lincae_studio.cli.progress import progress_bars
from lincae_studio.errors import ProjectError, UsageError, os_error_reason
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import cache_dir, make_cache_dir
from lincae_studio.session import files
from lincae_studio.session.model import DEFAULT_RATE, Rate


def export_dawproject(project: Path, output: Path) -> dict[str, object]:
    """Write a project, or a bundle, as a DAWproject. Returns its figures.

    Raises:
        StudioError: for a project, media or output that cannot be used; an existing output is kept.
    """
    if not files.is_dawproject(output):
        raise UsageError(f"{output} is not a name for a DAWproject", f"Use a name ending in {files.DAWPROJECT_SUFFIX}")
    with progress_bars() as report, headless() as engine:
        session = engine.open(project, report)
        for media in session.used_media():
            engine.decode(media, session.seed, report)
        notes = write_dawproject(session, engine.store, output, project.stem, report("writing audio"))
    return {
        "output": str(output),
        "tracks": len(session.tracks),
        "clips": sum(1 for _ in session.clips()),
        "files": len(session.used_media()),
        "bytes": output.stat().st_size,
        "notes": notes,
    }


def import_dawproject(path: Path, folder: Path, rate: Rate = DEFAULT_RATE) -> dict[str, object]:
    """Convert a DAWproject to a project in a folder, with its audio in a subfolder. Returns its figures.

    Raises:
        StudioError: for a DAWproject or folder that cannot be used; no audio is left behind then.
    """
    project = folder / f"{path.stem}{files.SUFFIX}"
    if os.path.exists(project):
        raise ProjectError(f"{project} already exists", "Choose another folder")
    audio = folder / f"{path.stem} audio"
    fresh = not os.path.exists(audio)
    make_cache_dir(cache_dir())
    with progress_bars() as report:
        session, notes = read_dawproject(path, audio, MediaStore(cache_dir()), report("importing audio"), rate=rate)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.save(session, project)
    except (OSError, ProjectError) as error:
        if fresh:
            shutil.rmtree(audio, ignore_errors=True)
        if isinstance(error, OSError):
            reason, remedy = os_error_reason(error, project)
            raise ProjectError(f"cannot create the folder {folder}: {reason}", remedy) from error
        raise
    return {
        "output": str(project),
        "tracks": len(session.tracks),
        "clips": sum(1 for _ in session.clips()),
        "files": [media.path for media in session.media],
        "notes": notes,
    }
