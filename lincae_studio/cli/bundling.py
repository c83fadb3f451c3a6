"""Bundles without a window: writing them, and converting them to projects with audio."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from lincae_studio.cli.headless import headless
from lincae_studio.cli.progress import progress_bars
from lincae_studio.engine.bundles.writer import write_bundle
from lincae_studio.errors import ProjectError, UsageError, os_error_reason
from lincae_studio.media.collect import collect
from lincae_studio.media.search import name_of
from lincae_studio.session import files
from lincae_studio.session.relink import relink


def bundle(project: Path, output: Path) -> dict[str, object]:
    """Write a project as a bundle. Returns its figures.

    Raises:
        StudioError: for a project, media, codec or output that cannot be used; an existing output is kept.
    """
    if not files.is_bundle(output):
        raise UsageError(f"{output} is not a name for a bundle", f"Use a name ending in {files.BUNDLE_SUFFIX}")
    with progress_bars() as report, headless() as engine:
        session = engine.open(project, report)
        codec = engine.info(session.codec, session.rate)
        engine.prepare_bundle(session, codec, report)
        result = write_bundle(session, codec, engine.render, output, report("encoding"))
    return {
        "output": str(result.path),
        "codec": codec.id,
        "bytes": result.size,
        "pcm24_bytes": result.pcm_bytes,
        "ratio": result.ratio,
        "windows": result.windows,
    }


def unbundle(path: Path, folder: Path) -> dict[str, object]:
    """Convert a bundle to a project in a folder, with audio decoded from its latents. Returns its figures.

    Raises:
        StudioError: for a bundle, codec or folder that cannot be used.
    """
    if not files.is_bundle(path):
        raise UsageError(f"{path} is not a bundle", f"Give a file ending in {files.BUNDLE_SUFFIX}")
    project = folder / f"{path.stem}{files.SUFFIX}"
    if os.path.exists(project):
        raise ProjectError(f"{project} already exists", "Choose another folder")
    with progress_bars() as report, headless() as engine:
        session = engine.open(path, report)
        for media in session.used_media():
            engine.decode(media, session.seed, report)
        # Listed as missing files, so that their audio, as heard, is written from the store.
        missing = [replace(media, original=None, path=str(folder / name_of(media))) for media in session.used_media()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason, remedy = os_error_reason(error, folder / "file")
            raise ProjectError(f"cannot create the folder {folder}: {reason}", remedy) from error
        written = collect(engine.store, missing, folder / f"{path.stem} audio", report("writing audio"))
        listed = replace(session, media=tuple(session.used_media()))
        files.save(relink(listed, written), project)
    return {"output": str(project), "codec": session.codec, "files": [media.path for media in written.values()]}
