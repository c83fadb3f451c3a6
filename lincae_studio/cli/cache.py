"""`lincae-studio cache ...`: showing and clearing the cache."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from lincae_studio.cli.text import show, show_figures
from lincae_studio.engine.bundles.store import bundled_files
from lincae_studio.engine.process.supplies import sent_media_database
from lincae_studio.engine.rendering.cache import latent_database, render_database
from lincae_studio.engine.rendering.disk import DiskUsage, clear_disk, disk_usage
from lincae_studio.errors import StudioError, os_error_reason
from lincae_studio.media.store import MediaStore
from lincae_studio.preferences import cache_bytes, cache_dir
from lincae_studio.session.times import count_of

cache_app = typer.Typer(help="Show or clear the cache: conformed audio, latents, renders.", no_args_is_help=True)

_READ_ONLY = "Change its permissions, or choose a cache folder that you can write to"

#: The databases of the cache, with their paths in the cache folder.
_DATABASES = {"latents": latent_database, "renders": render_database}


@cache_app.command("info")
def _info(as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False) -> None:
    """Show the location and the contents of the cache."""
    folder = cache_dir()
    media, media_bytes = MediaStore(folder).usage()
    figures: dict[str, object] = {"folder": str(folder), "media": media, "media_bytes": media_bytes}
    lines = [f"conformed audio: {count_of(media, 'file')}, {_mebibytes(media_bytes)}"]
    limits = dict(zip(_DATABASES, cache_bytes(), strict=True))
    for name, database in _DATABASES.items():
        usage = _usage(name, database(folder))
        figures |= {
            name: usage.rows,
            f"{name}_bytes": usage.array_bytes,
            f"{name}_file_bytes": usage.file_bytes,
            f"{name}_limit_bytes": limits[name],
        }
        size, limit, file = (_mebibytes(count) for count in (usage.array_bytes, limits[name], usage.file_bytes))
        lines.append(f"{name}: {count_of(usage.rows, 'array')}, {size} of at most {limit}, file {file}")
    sent = _usage("audio from other computers", sent_media_database(folder))
    figures |= {"sent": sent.rows, "sent_bytes": sent.array_bytes, "sent_file_bytes": sent.file_bytes}
    if sent.rows:
        lines.append(f"audio from other computers: {count_of(sent.rows, 'block')}, {_mebibytes(sent.array_bytes)}")
    bundles = [path.stat().st_size for path in bundled_files(folder)]
    figures |= {"bundles": len(bundles), "bundles_bytes": sum(bundles)}
    lines.append(f"latents of opened bundles: {count_of(len(bundles), 'file')}, {_mebibytes(sum(bundles))}")
    show_figures(figures, [str(folder), *lines], as_json)


@cache_app.command("clear")
def _clear(
    media: Annotated[
        bool,
        typer.Option(
            "--media", help="Also delete conformed audio and audio sent by other computers; close all windows first."
        ),
    ] = False,
) -> None:
    """Delete cached latents and renders (they are recreated when needed); with --media also cached audio."""
    folder = cache_dir()
    try:
        for database in _DATABASES.values():
            clear_disk(database(folder))
        for path in bundled_files(folder):
            path.unlink()
        if media:
            clear_disk(sent_media_database(folder))
            MediaStore(folder).clear()
    except sqlite3.OperationalError as error:
        remedy = "Close all windows and try again" if not _is_read_only(error) else _READ_ONLY
        raise StudioError(f"the cache cannot be cleared: {error}", remedy) from error
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise StudioError(f"the cache {folder} cannot be cleared: {reason}", remedy) from error
    cleared = "latents, renders and cached audio" if media else "latents and renders"
    show(f"cleared {cleared} in {folder}")


def _usage(name: str, path: Path) -> DiskUsage:
    """What a database contains. Raises `StudioError` if it cannot be read."""
    try:
        return disk_usage(path)
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise StudioError(f"the cache of {name} cannot be read: {reason}", remedy) from error
    except sqlite3.Error as error:
        remedy = "Run lincae-studio cache clear to recreate it" if not _is_read_only(error) else _READ_ONLY
        raise StudioError(f"the cache of {name} cannot be read: {error}", remedy) from error


def _is_read_only(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
