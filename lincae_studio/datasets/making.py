"""Makes the records of items: latents of audio, audio of latents, latents of mixtures, figures. The same everywhere.

A `Maker` owns the codec and is used by one thread, in this process or in a worker of a cluster. Its result depends only
on the item and the job.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from lincae_studio import paths, private
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.datasets.reader import Shards
from lincae_studio.datasets.records import MAX_SPANS, Item, Job, Made, Record, key_of, packed
from lincae_studio.datasets.sources import fetched
from lincae_studio.engine.bundles.latent_files import Latents, decoded, latents_of
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.engine.rendering.sums import ChunkSums
from lincae_studio.errors import MediaError, StudioError, os_error_reason
from lincae_studio.evaluation.audio import Recordings, read_groups
from lincae_studio.evaluation.figures import finite
from lincae_studio.evaluation.measuring import evaluate
from lincae_studio.jobs import CancelToken, no_progress
from lincae_studio.media.file_audio import channels_of, resampled
from lincae_studio.media.probe import check_width
from lincae_studio.media.reading.reader import AudioFile
from lincae_studio.media.store import of_selection
from lincae_studio.session import edits
from lincae_studio.session.model import LONGEST, MAX_LENGTH, Media, Rate, Session

#: Latents of one file are encoded once: nothing needs to be kept for long.
_MEMORY_BYTES = 16 << 20


@dataclass
class Maker:
    """Makes items of a job.

    Attributes:
        codec: at the session's rate, or for "evaluate" at its own.
        known: whether a key is there already, which is then not made; where that cannot be known, False.
    """

    job: Job
    codec: Codec
    known: Callable[[str], bool] = lambda _: False
    _audio: _Audio = field(default_factory=lambda: _Audio())
    _shards: Shards | None = None

    def __post_init__(self) -> None:
        # Under the id that the job has for it, wherever a worker keeps its folder.
        self._info = msgspec.structs.replace(self.codec.info, id=self.job.codec)
        cache = LatentCache(memory_bytes=_MEMORY_BYTES)
        self._renderer = Renderer(lambda _id, _rate: self.codec, self._audio, cache, sums=ChunkSums(memory_bytes=0))

    def make(self, item: Item) -> Iterator[Made]:
        """The records of an item, one after the other; the last one may be a problem instead. Raises nothing else."""
        work = {"encode": self._encode, "decode": self._decode, "mix": self._mix, "evaluate": self._evaluate}
        try:
            yield from work[self.job.kind](item)
        except StudioError as error:
            yield Made(item=item.name, problem=_reason(error))

    def _encode(self, item: Item) -> Iterator[Made]:
        job, info = self.job, self._info
        rate: Rate = 48_000 if job.rate == 48_000 else 44_100
        with fetched(item) as path, AudioFile(path) as file:
            if not job.from_channels:
                check_width(file.info)
            digest = of_selection(file.digest(CancelToken()), job.from_channels, rate)
            blocks = resampled(file, channels_of(job.from_channels, file.info), rate, no_progress, CancelToken())
            with self._audio.holding(digest, blocks, item.name) as (channels, length):
                media = Media(
                    digest=digest,
                    path=f"/{item.name}",
                    sample_rate=file.info.sample_rate,
                    channels=channels,
                    length=length,
                    channel_selection=job.from_channels,
                )
                session = edits.set_codec(edits.add_stems(Session(rate=rate), [media], 0), job.codec)
                plan = make_plan(session, info)
                span = max(1, round(job.span_s * rate / plan.grid.step_samples)) * plan.grid.step_samples
                starts = range(0, length, span)
                if len(starts) > MAX_SPANS:
                    raise MediaError(f"it has {len(starts):,} spans", "Choose a longer --span")
                for start in starts:
                    end = min(start + span, length)
                    key = key_of("encode", digest, start, end, info.latent_identity, rate, plan.grid, job.half)
                    record = Record(
                        key=key,
                        name=item.name,
                        stamp=item.stamp,
                        digest=digest,
                        spans=len(starts),
                        start=start,
                        length=end - start,
                        same=self.known(key),
                    )
                    if key in item.have:
                        continue
                    if record.same:
                        yield Made(item=item.name, record=record)
                        continue
                    content = latents_of(plan, start, end, self._renderer.render_many)
                    yield self._latents(item, record, content)

    def _decode(self, item: Item) -> Iterator[Made]:
        [source] = item.records
        content = self._shards_of(item).latents(source)
        content = Latents(msgspec.structs.replace(content.header, seed=self.job.seed), content.latents, content.audible)
        header = content.header
        stream = decoded(content, self.codec)
        audio = np.zeros((stream.channels, header.length), np.float32)
        done = 0
        for block in stream.blocks(header.start, header.start + header.length):
            audio[:, done : done + block.shape[1]] = block
            done += block.shape[1]
        record = Record(
            key=key_of("decode", source.key, self.codec.info.identity, self.job.seed),
            name=item.name,
            stamp=item.stamp,
            digest=source.digest,
            start=header.start,
            length=header.length,
            identity=self.codec.info.identity,
            channels=stream.channels,
            rate=stream.rate,
        )
        yield Made(item=item.name, record=record, arrays={"audio": packed(audio)})

    def _mix(self, item: Item) -> Iterator[Made]:
        shards = self._shards_of(item)
        parts = [shards.latents(record) for record in item.records]
        first = parts[0].header
        grid = first.grid
        if first.identity != self._info.latent_identity:
            raise MediaError("its stems were made by another version of the codec", "Encode them again")
        if any((part.header.identity, part.header.grid) != (first.identity, grid) for part in parts):
            raise MediaError("its stems were made by different codecs", "Encode them again")
        count = item.chunks
        if any(len(part.audible) - stem.first < count for part, stem in zip(parts, item.recipe, strict=True)):
            raise MediaError("its stems are shorter than the mixture", "Draw the mixtures again")
        buses = max(part.header.channels for part in parts)
        silence = self.codec.silence(grid.frames)
        coefficients = [[stem.gain] for stem in item.recipe]
        mixed = np.empty((count, buses, first.dim, grid.frames), np.float32)
        audible = np.zeros(count, np.uint8)
        for chunk in range(count):
            rows = [part.latents[stem.first + chunk] for part, stem in zip(parts, item.recipe, strict=True)]
            for bus in range(buses):
                terms = [row[min(bus, len(row) - 1)] for row in rows]
                mixed[chunk, bus] = combine(terms, coefficients, silence)[0]
            audible[chunk] = any(
                part.audible[stem.first + chunk] for part, stem in zip(parts, item.recipe, strict=True)
            )
        # The longest span in which exactly these chunks are heard.
        length = count * grid.step_samples + grid.valid(0)[0]
        header = msgspec.structs.replace(
            first, channels=buses, first_chunk=0, start=0, length=length, seed=self.job.seed
        )
        digest = key_of(item.recipe, count)
        record = Record(
            key=key_of("mix", digest, self._info.latent_identity, grid, self.job.half),
            name=item.name,
            stamp=item.stamp,
            digest=digest,
            length=length,
            recipe=item.recipe,
        )
        yield self._latents(item, record, Latents(header, mixed, audible))

    def _evaluate(self, item: Item) -> Iterator[Made]:
        info = self.codec.info
        with fetched(item) as path:
            with AudioFile(path) as file:
                digest = file.digest(CancelToken())
            found = evaluate(
                self.codec, read_groups(Recordings([path]), info, limit=self.job.limit), seeds=(self.job.seed,)
            )
        record = Record(
            key=key_of("evaluate", digest, info.identity, self.job.limit, self.job.seed),
            name=item.name,
            stamp=item.stamp,
            digest=digest,
            identity=info.identity,
            figures={name: finite(value) for name, value in found.figures.items()},
        )
        yield Made(item=item.name, record=record)

    def _shards_of(self, item: Item) -> Shards:
        if self._shards is None or self._shards.folder != Path(item.place):
            self._shards = Shards(Path(item.place))
        return self._shards

    def _latents(self, item: Item, record: Record, content: Latents) -> Made:
        found = msgspec.structs.replace(record, header=content.header)
        arrays = {
            "latents": packed(content.latents, self.job.half),
            "audible": ("uint8", content.audible.shape, content.audible.tobytes()),
        }
        return Made(item=item.name, record=found, arrays=arrays)


def load(job: Job, folder: Path | None = None) -> Codec:
    """The codec of a job; `folder`: where it is, if the job's own path is that of another machine.

    Raises:
        CodecError: when it is missing or damaged, or needs a package that is missing.
        UsageError: when the device is not available.
    """
    rate = None if job.kind == "evaluate" else job.rate
    return registry.load(str(folder) if folder is not None else job.codec, job.computation, rate)


def info_of(job: Job) -> CodecInfo:
    """The info of a job's codec. Raises `CodecError`."""
    if job.kind == "evaluate":
        return registry.info(job.codec, job.computation)
    return registry.for_session(job.codec, job.computation, job.rate)


class _Audio:
    """The audio of the file that is being encoded, mapped from a temporary file: memory does not grow with it."""

    def __init__(self) -> None:
        self._digest = ""
        self._samples: Array = np.zeros((0, 1), np.float32)

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        """`count` samples of a channel, zeros outside the file."""
        assert digest == self._digest
        out = np.zeros(count, np.float32)
        first, last = max(0, start), min(len(self._samples), start + count)
        if last > first:
            out[first - start : last - start] = self._samples[first:last, channel]
        return out

    @contextlib.contextmanager
    def holding(self, digest: str, blocks: Iterator[Array], name: str) -> Iterator[tuple[int, int]]:
        """Keep blocks `(n, channels)` during the block; yields channels and length.

        Raises:
            MediaError: when the audio cannot be read or kept, or has no sample or more than a session can have.
        """
        folder = private.make(paths.cache_dir())
        with tempfile.TemporaryFile(dir=folder) as file:
            length, channels = 0, 1
            try:
                for block in blocks:
                    length, channels = length + len(block), block.shape[1]
                    if length > MAX_LENGTH:
                        raise MediaError(f"it is longer than {LONGEST}", "Split it into shorter files")
                    file.write(np.ascontiguousarray(block).data)
                file.flush()
            except OSError as error:
                reason, remedy = os_error_reason(error, folder / name)
                raise MediaError(f"its samples cannot be kept in {folder}: {reason}", remedy) from error
            if not length:
                raise MediaError("it is shorter than one sample", "Choose a longer file")
            self._digest = digest
            self._samples = np.memmap(file, np.float32, "r", shape=(length, channels))
            try:
                yield channels, length
            finally:
                self._samples = np.zeros((0, 1), np.float32)


def _reason(error: StudioError) -> str:
    """Why, without the name of a temporary file, which imports begin with."""
    before, colon, rest = error.problem.partition(": ")
    return rest if colon and before.startswith("cannot import ") else error.problem
