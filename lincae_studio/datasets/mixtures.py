"""Items made from data sets of latents: records to decode, and mixtures to draw. Nothing is computed here.

A mixture depends on its number, the seed, and the records of the data set alone: not on how many are drawn, or where.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Drawing, Item, Record, Stem, key_of
from lincae_studio.errors import UsageError
from lincae_studio.session.levels import db_to_gain
from lincae_studio.session.times import count_of


def decoded_items(reader: Reader) -> Iterator[Item]:
    """An item for each record of latents."""
    for record in reader.records:
        if record.header is not None:
            name = f"{record.name}@{record.start}" if record.spans > 1 else record.name
            yield Item(name=name, place=str(reader.folder.absolute()), stamp=record.key, records=(record,))


def mixtures(reader: Reader, drawing: Drawing, count: int, seed: int) -> Iterator[Item]:
    """Draw mixtures number 0 to `count - 1`.

    Raises:
        UsageError: when too few files, or files of one folder, are long enough.
    """
    fewest, most = drawing.stems
    longest = [record for record in reader.records if record.header is not None]
    chunks = _chunks(longest[0], drawing.seconds) if longest else 1
    groups: dict[str, dict[str, list[Record]]] = {}
    for record in longest:
        if _count(record) >= chunks:
            folder = record.name.rpartition("/")[0] if drawing.same_folder else ""
            groups.setdefault(folder, {}).setdefault(record.name, []).append(record)
    usable = [list(files.values()) for _, files in sorted(groups.items()) if len(files) >= fewest]
    if not usable:
        where = " in one folder" if drawing.same_folder else ""
        raise UsageError(
            f"there are not {count_of(fewest, 'file')} of {drawing.seconds:g} s{where} in {reader.folder}",
            "Choose fewer stems, or a shorter length",
        )
    weights = np.array([len(files) for files in usable], np.float64)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        files = usable[int(random.choice(len(usable), p=weights / weights.sum()))]
        wanted = int(random.integers(fewest, min(most, len(files)) + 1))
        chosen = [files[place] for place in random.choice(len(files), wanted, replace=False)]
        if drawing.same_folder:  # at the same time of their files, within the first span of each
            records = [spans[0] for spans in chosen]
            first = int(random.integers(min(map(_count, records)) - chunks + 1))
            firsts = [first] * wanted
        else:
            records = [spans[int(random.integers(len(spans)))] for spans in chosen]
            firsts = [int(random.integers(_count(record) - chunks + 1)) for record in records]
        gains = [db_to_gain(float(random.uniform(*drawing.gain_db))) for _ in records]
        recipe = tuple(
            Stem(record.key, record.name, gain, at) for record, gain, at in zip(records, gains, firsts, strict=True)
        )
        yield Item(
            name=f"mixture {number:08d}",
            place=str(reader.folder.absolute()),
            stamp=key_of(recipe, chunks),
            chunks=chunks,
            records=tuple(records),
            recipe=recipe,
        )


def _count(record: Record) -> int:
    header = record.header
    return 0 if header is None else len(header.grid.heard(header.start, header.start + header.length))


def _chunks(record: Record, seconds: float) -> int:
    header = record.header
    assert header is not None
    return max(1, round(seconds * header.sample_rate_hz / header.grid.step_samples))
