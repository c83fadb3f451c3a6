"""`lincae-studio cache ...`: what is kept to save time, and getting rid of it."""

from __future__ import annotations

import json
import sqlite3
from typing import Annotated

import typer

from lincae_studio.engine.cache import DISK_BYTES, clear_disk, disk_usage
from lincae_studio.errors import StudioError, os_error_reason
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import cache_dir

cache_app = typer.Typer(help="What is kept to save time: conformed audio and latents.", no_args_is_help=True)


@cache_app.command("info")
def _info(as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False) -> None:
    """Show where the cache is and what it holds."""
    folder = cache_dir()
    media, media_bytes = MediaStore(folder).usage()
    try:
        latents = disk_usage(folder / "latents")
    except (sqlite3.Error, OSError) as error:
        raise StudioError(
            f"the latent cache cannot be read: {error}", "lincae-studio cache clear makes it anew"
        ) from error
    figures = {
        "folder": str(folder),
        "media": media,
        "media_bytes": media_bytes,
        "latents": latents.rows,
        "latent_bytes": latents.latent_bytes,
        "latent_file_bytes": latents.file_bytes,
        "latent_limit_bytes": DISK_BYTES,
    }
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{folder}")
    print(f"conformed audio: {media} files, {_mebibytes(media_bytes)}")
    size, limit = _mebibytes(latents.latent_bytes), _mebibytes(DISK_BYTES)
    print(f"latents: {latents.rows} windows, {size} of at most {limit}, file {_mebibytes(latents.file_bytes)}")


@cache_app.command("clear")
def _clear(
    media: Annotated[bool, typer.Option("--media", help="Conformed audio too; close the windows first.")] = False,
) -> None:
    """Delete cached latents (they are encoded again when needed); with --media conformed audio too."""
    folder = cache_dir()
    try:
        clear_disk(folder / "latents")
        if media:
            MediaStore(folder).clear()
    except sqlite3.OperationalError as error:
        raise StudioError(f"the latent cache cannot be cleared: {error}", "Close the windows and try again") from error
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise StudioError(f"the cache {folder} cannot be cleared: {reason}", remedy) from error
    print(f"{folder} is cleared of latents" + (" and conformed audio" if media else ""))


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
