"""Times of edits, exports and plans in the engine, compared with a simple script.

The simple script keeps the latents of all tracks, and sums and decodes the whole mix after each edit, which is what one
would write with `encode`, `+` and `decode`. Its encoding is not timed. For slow codecs (Lin-CAE on a CPU) the script
uses noise as latents, which takes as long to sum and decode, and measurements that would take many minutes are skipped.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import soundfile as sf

from lincae_studio import cores, malloc
from lincae_studio.bench.edit_times import EditBench
from lincae_studio.bench.processes import measured
from lincae_studio.bench.ripple import measure_ripple
from lincae_studio.bench.spread import spread
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.computation import AUTO, Computation
from lincae_studio.defaults import DEFAULT_CODEC
from lincae_studio.engine.planning.plan import Chunk, Plan, Planner, make_plan
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.engine.rendering.cache import LatentCache, RenderCache
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.errors import UsageError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, processing
from lincae_studio.session.derived import derived
from lincae_studio.session.model import DEFAULT_RATE, Media, Session
from lincae_studio.session.processes import Invert, Process, Reverse, Stretch

#: Stands for a full-size Lin-CAE with random weights, created for the run.
RANDOM_LINCAE = "random-lin-cae"

#: Edits of a session with a fast codec are measured this many times as often: they take milliseconds.
_OFTEN = 5

#: A codec is slow if a chunk takes longer than this, in seconds; whole sessions are then not encoded or rendered.
_SLOW_S = 0.1

#: Lengths of the exports; shorter ones for slow codecs.
_EXPORT_MINUTES = (5.0, 60.0)
_SLOW_EXPORT_MINUTES = (0.25, 0.5)

#: Processes whose audio is made.
_DERIVED: dict[str, Process] = {"reverse": Reverse(), "stretch": Stretch(1.1)}

#: Longest session; its audio is written to the disk.
_LONGEST_MIN = 600

#: Batch size of the simple script, in windows.
_BATCH = 16

_Load = Callable[[str, int], Codec]


@dataclass(frozen=True)
class EngineBench:
    """Settings of the benchmark.

    Attributes:
        codec: an id, or `random-lin-cae`.
        tracks: numbers of tracks for the latency from edit to audio.
        minutes: length of the edited session.
        export_minutes: lengths of the exports; empty for a default that depends on the codec.
        clips: numbers of clips, on 64 tracks in one hour, for the planning time.
        repeats: how many times each edit is measured.

    Raises:
        UsageError: when a value is not valid.
    """

    codec: str = DEFAULT_CODEC
    tracks: Sequence[int] = (1, 8, 32, 64)
    minutes: float = 3.0
    export_minutes: Sequence[float] = ()
    clips: Sequence[int] = (125, 500, 2000)
    computation: Computation = AUTO
    repeats: int = 5

    def __post_init__(self) -> None:
        for minutes in (self.minutes, *self.export_minutes):
            if not 0.1 <= minutes <= _LONGEST_MIN:
                raise UsageError(
                    f"a session of {minutes} minutes cannot be measured", f"Choose from 0.1 to {_LONGEST_MIN}"
                )
        if min((*self.tracks, *self.clips), default=1) < 1:
            raise UsageError("a session without tracks or clips cannot be measured", "Choose 1 or more")
        if self.repeats < 1:
            raise UsageError(f"{self.repeats} repeats measure nothing", "Choose 1 or more")


def measure_engine(bench: EngineBench) -> dict[str, object]:
    """Run all measurements, in temporary folders. Times are medians of `bench.repeats` runs or more, in milliseconds.

    Returns:
        `edit_to_audio_ms` (tracks to ms): from a gain change to the new chunk at the playhead, through the engine
        process; `derive_ms`: to make the audio of a reversed and of a stretched clip, for each minute of the file;
        `plain_script_ms` and `every_track_ms` (tracks to ms): the same edit by the plain script, and by
        decoding every track; `edits`: encodes and decodes of standard edits; `ripple`: `measure_ripple`,
        with 64 tracks; `export`; `plan_ms` (clips to ms);
        `long_timeline_ratio`: how much longer the window is busy with an edit on a timeline of 24 hours than on one of
        four minutes, and `long_timeline`, the times of these edits.
    """
    malloc.keep_freed()  # as the engine process and exports do
    cores.use_one_per_product()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codec_id = resolve_codec(bench.codec, folder)
        info = registry.for_session(codec_id, registry.resolved(codec_id, bench.computation))

        def load(codec: str, rate: int) -> Codec:
            return registry.load(codec, bench.computation, rate)

        store = MediaStore(folder)
        media = make_media(store, folder, bench.minutes * 60.0 + 1.0)
        chunk_ms = _chunk_ms(make_session(media, codec_id, 1, bench.minutes), info, store, load)
        slow = chunk_ms > _SLOW_S * 1e3
        result: dict[str, object] = {
            "codec": bench.codec,
            "minutes": bench.minutes,
            "chunk_s": info.chunk_frames * info.hop / info.sample_rate,
            "chunk_decode_ms": chunk_ms,
        }
        sessions = {count: make_session(media, codec_id, count, bench.minutes) for count in bench.tracks}
        waits = {str(n): _edit_to_audio_ms(one, info, folder, slow, bench) for n, one in sessions.items()}
        result["edit_to_audio_ms"] = {count: statistics.median(times) for count, times in waits.items()}
        plain = {
            count: _plain_ms(session, info, store, slow, load, bench.repeats) for count, session in sessions.items()
        }
        result["plain_script_ms"] = {str(count): times[0] for count, times in plain.items()}
        result["every_track_ms"] = {str(count): times[1] for count, times in plain.items() if times[1] is not None}
        edited = make_session(media, codec_id, 4, min(bench.minutes, 0.2 if slow else 0.5))
        result["edits"] = _count_edits(edited, info, store, load)
        derived_times = {name: _derive_ms(media, process, bench.repeats) for name, process in _DERIVED.items()}
        result["derive_ms"] = {name: statistics.median(times) for name, times in derived_times.items()}
        place = folder / "ripple"
        place.mkdir()
        many = make_session(make_media(store, place, 31.0), codec_id, 4 if slow else 64, 0.5)
        renderer = _renderer_on(place, store, load)
        result["ripple"] = measure_ripple(many, info, renderer, bench.repeats)
        renderer.close()
        minutes = bench.export_minutes or (_SLOW_EXPORT_MINUTES if slow else _EXPORT_MINUTES)
        result["export"] = [_export(codec_id, length, folder) for length in minutes]
    plans = {str(count): _plan_ms(count, info, bench.repeats) for count in bench.clips}
    result["plan_ms"] = {count: statistics.median(times) for count, times in plans.items()}
    result["long_timeline"] = times = measured("long_timeline", str(bench.repeats))
    result["long_timeline_ratio"] = times.pop("ratio")
    result["spread"] = {
        "edit_to_audio_ms": {count: spread(found) for count, found in waits.items()},
        "derive_ms": {name: spread(found) for name, found in derived_times.items()},
        "plan_ms": {count: spread(found) for count, found in plans.items()},
    }
    return result


def _chunk_ms(session: Session, info: CodecInfo, store: MediaStore, load: _Load) -> float:
    """Time to render a chunk whose latents are cached, in milliseconds."""
    renderer = Renderer(load, StoreReader(store), LatentCache())
    chunk = make_plan(session, info).audible[0]
    renderer.render(chunk)
    started = time.perf_counter()
    renderer.render(chunk)
    return (time.perf_counter() - started) * 1e3


def resolve_codec(name: str, folder: Path, base_channels: int = 64) -> str:
    """The id of a codec; for `random-lin-cae` the folder of a model created here, of this width."""
    if name != RANDOM_LINCAE:
        return name
    from lincae_studio.bench.codec import save_random_model

    return str(save_random_model(folder / RANDOM_LINCAE, base_channels))


def make_media(store: MediaStore, folder: Path, seconds: float) -> Media:
    """A file of noise bursts; each track uses it from another offset, so that no two have equal latents."""
    rng = np.random.default_rng(0)
    path = folder / "noise.wav"
    with sf.SoundFile(path, "w", DEFAULT_RATE, 1, subtype="PCM_16") as file:
        for _ in range(round(seconds) + 1):
            file.write(rng.normal(0.0, 0.03, DEFAULT_RATE) * np.linspace(1.0, 0.1, DEFAULT_RATE))
    return store.import_file(path)


def make_session(media: Media, codec_id: str, tracks: int, minutes: float) -> Session:
    session = edits.set_codec(Session(), codec_id)
    length = round(minutes * 60.0 * DEFAULT_RATE)
    for number in range(tracks):
        session = edits.add_track(session)
        session = edits.add_clip(session, session.tracks[-1].id, media, 0)
        clip = session.tracks[-1].clips[0]
        cut = msgspec.structs.replace(clip, offset=100 * number, length=length)
        track = msgspec.structs.replace(session.tracks[-1], clips=(cut,))
        session = msgspec.structs.replace(session, tracks=(*session.tracks[:-1], track))
    return session


def _edit_to_audio_ms(session: Session, info: CodecInfo, folder: Path, slow: bool, bench: EngineBench) -> list[float]:
    repeats = bench.repeats if slow else _OFTEN * bench.repeats
    return EditBench(LocalLauncher(folder), bench.computation, session, info, slow).edit(repeats)


def _plain_ms(
    session: Session, info: CodecInfo, store: MediaStore, slow: bool, load: _Load, repeats: int
) -> tuple[float, float | None]:
    """The same edit by summing whole latents and decoding all, and by decoding every track."""
    cache = LatentCache(memory_bytes=1 << 40)
    renderer = Renderer(load, StoreReader(store), cache)
    plan = make_plan(session, info)
    codec = renderer.codec(plan.audible[0].codec)
    if slow:
        rng = np.random.default_rng(0)
        shape = (len(plan.audible), info.dim, plan.grid.frames)
        tracks = [rng.normal(0.0, 1.0, shape).astype(np.float32) for _ in session.tracks]
    else:
        alone = [msgspec.structs.replace(session, tracks=(track,)) for track in session.tracks]
        tracks = [_whole_latents(renderer, part, info) for part in alone]
    origin = codec.silence(plan.grid.frames)
    plain = []
    for _ in range(1 if slow else repeats):
        started = time.perf_counter()
        total = sum(0.5 * (latents - origin) for latents in tracks) + origin
        _decode_all(codec, np.asarray(total, np.float32), plan)
        plain.append((time.perf_counter() - started) * 1e3)
    if slow and len(tracks) > 1:
        return statistics.median(plain), None
    started = time.perf_counter()
    for latents in tracks:
        _decode_all(codec, latents, plan)
    return statistics.median(plain), (time.perf_counter() - started) * 1e3


def _whole_latents(renderer: Renderer, session: Session, info: CodecInfo) -> Array:
    """Latents `(chunks, D, T)` of a session of one track."""
    chunks = make_plan(session, info).audible
    origin = renderer.codec(chunks[0].codec).silence(chunks[0].grid.frames)

    def sum_of(chunk: Chunk) -> Array:
        terms = chunk.terms
        sums = combine(renderer.latents(terms, chunk), [term.coefficients for term in terms], origin)
        return np.asarray(sums[0])

    return np.stack([sum_of(chunk) for chunk in chunks])


def _decode_all(codec: Codec, latents: Array, plan: Plan) -> None:
    for start in range(0, len(latents), _BATCH):
        part = latents[start : start + _BATCH]
        codec.decode(part, first_frames=[(start + row) * plan.grid.step for row in range(len(part))], seed=0)


def _count_edits(session: Session, info: CodecInfo, store: MediaStore, load: _Load) -> dict[str, dict[str, int]]:
    """Encodes and decodes of standard edits, each made after the one before and then undone."""
    with tempfile.TemporaryDirectory() as folder:
        grid = make_plan(session, info).grid
        track, clip = session.tracks[0], session.tracks[0].clips[0]
        middle = session.length // 2 + 777
        standard: dict[str, Callable[[Session], Session]] = {
            "open": lambda session: session,
            "gain": lambda session: edits.set_track_gain(session, track.id, 0.5),
            "mute": lambda session: edits.set_track_mute(session, track.id, True),
            "pan": lambda session: edits.set_track_pan(session, track.id, 0.5),
            "move by a step": lambda session: edits.move_clips(session, {clip.id}, grid.step_samples),
            "move by a sample": lambda session: edits.move_clips(session, {clip.id}, 1),
            "trim": lambda session: edits.trim_clip(session, clip.id, clip.start, clip.end - DEFAULT_RATE),
            "split": lambda session: edits.split_clips(session, {clip.id}, middle),
            "reverse": lambda session: processing.add_process(session, {clip.id}, Reverse()),
            "invert": lambda session: processing.add_process(session, {clip.id}, Invert()),
            "stretch": lambda session: processing.set_stretch(session, {clip.id}, factor=1.1),
            "reverse again": lambda session: processing.add_process(session, {clip.id}, Reverse()),
        }
        counts: dict[str, dict[str, int]] = {}
        rendered: set[str] = set()
        renderer = _renderer_on(Path(folder), store, load)

        def render(name: str, session: Session) -> None:
            for item in session.media:
                store.ensure(item)
            before = renderer.counters.encodes, renderer.counters.decodes
            for chunk in make_plan(session, info).audible:
                if chunk.key not in rendered:
                    renderer.render(chunk)
                    rendered.add(chunk.key)
            encodes, decodes = renderer.counters.encodes - before[0], renderer.counters.decodes - before[1]
            counts[name] = {"encodes": encodes, "decodes": decodes}

        for name, edit in standard.items():
            render(name, edit(session))
        render("undo", session)
        renderer.close()
        rendered.clear()
        renderer = _renderer_on(Path(folder), store, load)
        render("reopen", session)
        renderer.close()
        return counts


def _derive_ms(media: Media, process: Process, repeats: int) -> list[float]:
    """Times to make the audio of processed clips of a file, from that of the file, for each minute of it."""
    times = []
    item = derived(media, (process,))
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            empty = MediaStore(Path(folder))
            empty.import_file(Path(media.path))
            started = time.perf_counter()
            empty.ensure(item)
            times.append((time.perf_counter() - started) * 1e3 * 60.0 * DEFAULT_RATE / media.length)
    return times


def _renderer_on(folder: Path, store: MediaStore, load: _Load) -> Renderer:
    """A renderer set up like that of the engine process."""
    return Renderer(load, StoreReader(store), LatentCache(folder), RenderCache(folder))


def _export(codec_id: str, minutes: float, folder: Path) -> dict[str, float]:
    """Export eight tracks of this length with the command line's export, in a separate process."""
    place = folder / f"export-{minutes:g}"
    place.mkdir()
    media = make_media(MediaStore(folder), place, minutes * 60.0 + 1.0)
    project, output = place / "session.lincae", place / "mix.wav"
    files.save(make_session(media, codec_id, 8, minutes), project)
    figures = measured("export", str(project), str(output))
    output.unlink()
    return {"minutes": minutes, **figures}


def _plan_ms(clips: int, info: CodecInfo, repeats: int) -> list[float]:
    """Planning times of a gain edit in an hour with 64 tracks; all chunks of the track are affected."""
    hour = 3600 * DEFAULT_RATE
    media = Media(digest="0" * 64, path="/noise.wav", sample_rate=DEFAULT_RATE, channels=1, length=2 * hour)
    per_track = max(1, clips // 64)
    session = Session(media=(media,))
    for number in range(64):
        session = edits.add_track(session)
        track = session.tracks[-1]
        session = edits.add_clip(session, track.id, media, 0)
        whole = session.tracks[-1].clips[0]
        length = hour // per_track
        parts = tuple(
            msgspec.structs.replace(
                whole, id=session.next_id + part, start=part * length, offset=part * length + number, length=length
            )
            for part in range(per_track)
        )
        track = msgspec.structs.replace(session.tracks[-1], clips=parts)
        tracks = (*session.tracks[:-1], track)
        session = msgspec.structs.replace(session, tracks=tracks, next_id=session.next_id + per_track)
    planner = Planner()
    planner.plan(session, info)
    times = []
    for repeat in range(repeats):
        session = edits.set_track_gain(session, session.tracks[0].id, 0.5 + 0.05 * repeat)
        started = time.perf_counter()
        planner.plan(session, info)
        times.append((time.perf_counter() - started) * 1e3)
    return times
