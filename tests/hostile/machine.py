"""Audio files, and files on a shared machine: recovery folders, caches, preferences."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from pathlib import Path

import numpy as np

from lincae_studio.engine.rendering.cache import latent_database, render_database
from tests.helpers import noise, write_audio
from tests.hostile.case import DEEP, case
from tests.hostile.projects import song_of


def _with_rate(path: Path, rate_hz: int) -> Path:
    """A WAV whose header has this sample rate."""
    data = bytearray(write_audio(path, noise(1, 100_000)).read_bytes())
    data[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(bytes(data))
    return path


@case("audio")
def a_pipe(place: Path) -> Path:
    os.mkfifo(place / "a.wav")
    return place / "a.wav"


@case("audio")
def a_device(place: Path) -> Path:
    (place / "a.wav").symlink_to("/dev/zero")
    return place / "a.wav"


@case("audio")
def a_rate_of_one(place: Path) -> Path:
    return _with_rate(place / "a.wav", 1)


@case("audio")
def a_rate_of_a_hundred_megahertz(place: Path) -> Path:
    return _with_rate(place / "a.wav", 100_000_001)


@case("audio")
def many_channels(place: Path) -> Path:
    return write_audio(place / "a.wav", noise(1, 10, channels=200), subtype="PCM_16")


def _recovery(place: Path) -> Path:
    folder = place / "recovery" / "one"
    folder.mkdir(parents=True)
    for private in (place, folder.parent, folder):
        private.chmod(0o700)  # others are not looked at
    (folder / "info.json").write_text(json.dumps({"format": "lincae-studio-journal", "version": 2, "title": "Mine"}))
    project = song_of(place, "a.wav")
    project.rename(folder / "1.lincae")
    return folder


@case("recovery")
def a_journal_that_is_a_pipe(place: Path) -> Path:
    os.mkfifo(_recovery(place) / "1.journal")
    return place


@case("recovery")
def information_that_is_a_pipe(place: Path) -> Path:
    folder = _recovery(place)
    (folder / "info.json").unlink()
    os.mkfifo(folder / "info.json")
    return place


@case("recovery")
def a_snapshot_without_an_end(place: Path) -> Path:
    (_recovery(place) / "2.lincae").symlink_to("/dev/zero")
    return place


@case("recovery")
def a_snapshot_with_a_strange_number(place: Path) -> Path:
    folder = _recovery(place)
    (folder / "².lincae").write_bytes((folder / "1.lincae").read_bytes())
    (folder / ("9" * 200 + ".lincae")).write_bytes(b"{}")
    return place


@case("recovery")
def a_time_that_never_was(place: Path) -> Path:
    folder = _recovery(place)
    (folder / "info.json").write_text('{"version": 2, "changed": 1e300, "title": "<img src=x>"}')
    return place


@case("recovery")
def a_journal_of_zeros(place: Path) -> Path:
    with open(_recovery(place) / "1.journal", "wb") as file:
        file.truncate(1 << 40)
    return place


@case("recovery")
def a_linked_folder(place: Path) -> Path:
    (place / "recovery").mkdir()
    (place / "recovery" / "one").symlink_to("/etc")
    return place


def _databases(place: Path) -> list[Path]:
    """Where a cache keeps latents and renders; their folders are made."""
    paths = [latent_database(place), render_database(place)]
    for path in paths:
        path.parent.mkdir()
    return paths


@case("cache")
def a_database_of_noise(place: Path) -> Path:
    for path in _databases(place):
        path.write_bytes(np.random.default_rng(0).bytes(100_000))
    return place


@case("cache")
def a_database_with_another_schema(place: Path) -> Path:
    for path in _databases(place):
        connection = sqlite3.connect(path)
        connection.execute("CREATE VIEW arrays AS SELECT 1 AS key, '[[' AS shape, 0 AS crc, 0 AS used_at, 0 AS data")
        connection.commit()
        connection.close()
    return place


@case("cache")
def folders_in_place_of_files(place: Path) -> Path:
    for path in _databases(place):
        path.mkdir()
    return place


@case("cache")
def files_in_place_of_folders(place: Path) -> Path:
    for name in ("latents", "renders", "media-v1", "media-files-v1", "bundles-v1"):
        (place / name).write_text("not a folder")
    return place


@case("cache")
def pipes_in_a_cache(place: Path) -> Path:
    for path in _databases(place):
        os.mkfifo(path)
    return place


@case("preferences")
def preferences_nested_deeply(place: Path) -> Path:
    (place / "preferences.json").write_text('{"theme": ' + "[" * DEEP + "]" * DEEP + "}")
    return place


@case("preferences")
def preferences_that_are_a_pipe(place: Path) -> Path:
    os.mkfifo(place / "preferences.json")
    return place


@case("preferences")
def preferences_without_an_end(place: Path) -> Path:
    (place / "preferences.json").symlink_to("/dev/zero")
    return place


@case("preferences")
def preferences_of_other_kinds(place: Path) -> Path:
    (place / "preferences.json").write_text(
        '{"theme": 7, "shortcuts": {"undo": [["x"]]}, "cache_gb": 1e999, "codec": null}'
    )
    return place
