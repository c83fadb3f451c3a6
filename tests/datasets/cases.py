"""Folders of short files, and what a data set contains, for comparison bit by bit."""

from __future__ import annotations

from pathlib import Path

from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Job
from lincae_studio.datasets.run import Report, run
from lincae_studio.datasets.sources import items_of
from tests.helpers import noise, write_audio

CODEC = "mdct-4x"


def write_files(folder: Path, count: int, samples: int = 20_000) -> Path:
    """Files of different content, length and rate, every third one in stereo."""
    for number in range(count):
        audio = noise(number, samples + 10 * number, 1 + (number % 3 == 0), level=0.1)
        write_audio(folder / f"album {number % 2}" / f"{number:03d}.wav", audio, 44_100 if number % 5 else 48_000)
    return folder


def encode(source: Path | str, target: Path, **options: object) -> Report:
    """Encode in this process; options of the job and of the run."""
    fields = {name: value for name, value in options.items() if name in Job.__struct_fields__}
    others = {name: value for name, value in options.items() if name not in fields}
    job = Job(kind="encode", codec=CODEC, **fields)  # type: ignore[arg-type]
    return run(job, items_of(str(source)), target, **others)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, tuple[str, str, bytes]]:
    """Name, header and latents of each record of a data set, by key."""
    reader = Reader(folder)
    found = {}
    for record in reader.records:
        latents = reader.latents(record)
        found[record.key] = (f"{record.name}@{record.start}", repr(latents.header), latents.latents.tobytes())
    reader.close()
    return found


def rows(folder: Path) -> list[tuple[str, str, int]]:
    """The lines of the index, as name, key and start."""
    import msgspec

    from lincae_studio.datasets.records import Record

    lines = (folder / "index.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=Record) for line in lines]
    return [(record.name, record.key, record.start) for record in records]
