"""`lincae-studio cache ...`: what is kept to save time, and getting rid of it."""

from __future__ import annotations

import json
import sqlite3
from typing import Annotated

import typer

from lincae_studio.engine.bundles.store import bundled_files
from lincae_studio.engine.rendering.cache import latent_database, render_database
from lincae_studio.engine.rendering.disk import clear_disk, disk_usage
from lincae_studio.errors import StudioError, os_error_reason
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import cache_bytes, cache_dir

cache_app = typer.Typer(help="What is kept to save time: conformed audio, latents, renders.", no_args_is_help=True)

#: What each database holds, and where it is in the cache's folder.
_DATABASES = {"latents": latent_database, "renders": render_database}


@cache_app.command("info")
def _info(as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False) -> None:
    """Show where the cache is and what it holds."""
    folder = cache_dir()
    media, media_bytes = MediaStore(folder).usage()
    figures: dict[str, object] = {"folder": str(folder), "media": media, "media_bytes": media_bytes}
    lines = [f"conformed audio: {media} files, {_mebibytes(media_bytes)}"]
    limits = dict(zip(_DATABASES, cache_bytes(), strict=True))
    for name, database in _DATABASES.items():
        try:
            usage = disk_usage(database(folder))
        except (sqlite3.Error, OSError) as error:
            remedy = "lincae-studio cache clear makes it anew"
            raise StudioError(f"the cache of {name} cannot be read: {error}", remedy) from error
        figures |= {
            name: usage.rows,
            f"{name}_bytes": usage.array_bytes,
            f"{name}_file_bytes": usage.file_bytes,
            f"{name}_limit_bytes": limits[name],
        }
        size, limit, file = (_mebibytes(count) for count in (usage.array_bytes, limits[name], usage.file_bytes))
        lines.append(f"{name}: {usage.rows} arrays, {size} of at most {limit}, file {file}")
    bundles = [path.stat().st_size for path in bundled_files(folder)]
    figures |= {"bundles": len(bundles), "bundles_bytes": sum(bundles)}
    lines.append(f"latents of opened bundles: {len(bundles)} files, {_mebibytes(sum(bundles))}")
    print(json.dumps(figures, indent=2) if as_json else "\n".join([str(folder), *lines]))


@cache_app.command("clear")
def _clear(
    media: Annotated[bool, typer.Option("--media", help="Conformed audio too; close the windows first.")] = False,
) -> None:
    """Delete cached latents and renders (they are made again when needed); with --media conformed audio too."""
    folder = cache_dir()
    try:
        for database in _DATABASES.values():
            clear_disk(database(folder))
        for path in bundled_files(folder):
            path.unlink()
        if media:
            MediaStore(folder).clear()
    except sqlite3.OperationalError as error:
        raise StudioError(f"the cache cannot be cleared: {error}", "Close the windows and try again") from error
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise StudioError(f"the cache {folder} cannot be cleared: {reason}", remedy) from error
    print(f"{folder} is cleared of latents and renders" + (" and conformed audio" if media else ""))


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
