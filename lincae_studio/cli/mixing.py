"""Mixing and rendering without a window."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from lincae_studio.cli.headless import headless
from lincae_studio.cli.inputs import MixGroup, MixInput, MixInsert, MixProcess
from lincae_studio.cli.options import Request
from lincae_studio.cli.progress import progress_bars
from lincae_studio.cli.text import warn
from lincae_studio.codecs import registry
from lincae_studio.datasets.cluster import Pool, check
from lincae_studio.datasets.records import Job
from lincae_studio.engine.bundles.latent_files import latents_of, save_latents
from lincae_studio.engine.bundles.operator_files import load_operator
from lincae_studio.engine.bundles.writer import Render
from lincae_studio.engine.export.items import check_paths, default_title, items_of, latent_paths, parts_of, paths_of
from lincae_studio.engine.export.writer import ExportResult, export
from lincae_studio.engine.planning.plan import Plan, make_plan
from lincae_studio.engine.rendering.averaging import Averaged, Gain
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.errors import UsageError
from lincae_studio.export_settings import ExportSettings
from lincae_studio.jobs import Report
from lincae_studio.session import edits, groups, operators, processing, regions, snapshots
from lincae_studio.session.model import DEFAULT_RATE, Rate, Session
from lincae_studio.studio.engine import Engine


def mix_files(
    inputs: Sequence[MixInput],
    output: Path,
    codec: str,
    request: Request,
    rate: Rate = DEFAULT_RATE,
    from_channels: str = "",
    grouped: Sequence[MixGroup] = (),
    inserts: Sequence[MixInsert] = (),
    processes: Sequence[MixProcess] = (),
) -> dict[str, object]:
    """Mix files, each on its own track. Returns the figures of the export.

    Args:
        grouped: groups of the files, made in this order: a later one may contain earlier ones.
        inserts: operators that are applied to files.
        processes: what files are processed with, in this order.
        rate: of the session, in Hz.
        from_channels: which channels of files with more than two, as in `Media.channel_selection`.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an existing output is kept.
    """
    codec = registry.by_path(codec)
    registry.for_session(codec, rate=rate)
    check_paths([output], [item.path for item in inputs] + [insert.path for insert in inserts])
    session = edits.set_codec(Session(rate=rate), codec)
    with progress_bars() as report, headless(request.engine) as engine:
        imported = engine.import_files((item.path for item in inputs), report, from_channels, session.rate)
        for item, media in zip(inputs, imported, strict=True):
            session = edits.add_track(session, item.path.stem)
            track = session.tracks[-1]
            session = edits.set_track_gain(session, track.id, item.gain)
            session = edits.add_clip(session, track.id, media, round(item.start_s * session.rate))
        tracks = [track.id for track in session.tracks]
        for one in processes:
            session = _processed(session, {session.track(tracks[number]).clips[0].id for number in one.inputs}, one)
        for insert in inserts:
            operator_id = session.next_id
            session = operators.add(session, load_operator(insert.path))
            session = operators.set_insert(session, {tracks[number] for number in insert.inputs}, operator_id)
        for group in grouped:
            chosen = _outermost(session, {tracks[number] for number in group.inputs})
            group_id = session.next_id
            session = groups.group_tracks(session, chosen, group.name)
            session = edits.set_track_gain(session, group_id, group.gain)
        return _export(engine, session, output, request, [item.path for item in inputs], report)


def _processed(session: Session, clips: Collection[int], chosen: MixProcess) -> Session:
    if chosen.process is not None:
        return processing.add_process(session, clips, chosen.process)
    return processing.set_stretch(session, clips, factor=chosen.factor, semitones=chosen.semitones)


def _outermost(session: Session, track_ids: Collection[int]) -> set[int]:
    """The largest groups whose tracks are all among these, and those of these tracks that are in none of them."""
    chosen = set(track_ids)
    for track in reversed(session.tracks):
        inside = session.within({track.id}) - {track.id}
        if inside and inside <= chosen:
            chosen.add(track.id)
    return chosen


def render_project(
    path: Path, output: Path, codec: str | None, request: Request, snapshot: str = "", cluster: str | None = None
) -> dict[str, object]:
    """Render a project or a bundle, with a snapshot recalled if one is named. Returns the figures of the export.

    Args:
        cluster: "auto", or the address of a Ray cluster that renders the chunks; None renders in this process.

    Raises:
        StudioError: for a project, media, codec, cluster or output that cannot be used; an existing output is kept.
    """
    if cluster is not None:
        if request.engine:
            raise UsageError("--engine and --cluster exclude each other", "Leave out one of them")
        check(cluster)
    with progress_bars() as report, headless(request.engine) as engine:
        session = engine.open(path, report)
        if codec is not None:
            session = edits.set_codec(session, registry.by_path(codec))
        if snapshot:
            session = snapshots.recall(session, snapshots.named(session, snapshot))
        registry.for_session(session.codec, rate=session.rate)
        protected = [path, *(Path(item.path) for item in session.used_media())]
        if cluster is None:
            return _export(engine, session, output, request, protected, report)
        job = Job(kind="decode", codec=session.codec, rate=session.rate, computation=engine.computation)
        assert isinstance(engine.renderer, Renderer), "commands render in their own process"
        with contextlib.closing(Pool(cluster, job, engine.reader, engine.renderer.cache)) as pool:
            return _export(engine, session, output, request, protected, report, pool)


def _export(
    engine: Engine,
    session: Session,
    output: Path,
    request: Request,
    protected: Sequence[Path],
    report: Report,
    pool: Pool | None = None,
) -> dict[str, object]:
    """Export a session. `pool`: renders its chunks, instead of this process."""
    settings = request.settings
    check_paths(paths_of(session, settings, output), protected)
    selection = None
    if request.selection_s is not None:
        first_s, last_s = request.selection_s
        selection = round(first_s * session.rate), round(last_s * session.rate)
    parts = parts_of(session, settings, output, selection)
    started = time.perf_counter()
    plan = make_plan(session, engine.info(session.codec, session.rate) if pool is None else pool.info)
    render, provide = (engine.render, engine.provide) if pool is None else (pool.render, pool.provide)
    dry = not {"dry", "difference"}.isdisjoint(settings.contents)
    space = plan.codec.latent_space
    for text in regions.warnings(session, space, dry) + operators.warnings(session, space, dry):
        warn(text)
    engine.prepare(plan, session, dry, report)
    averaged = _averaged(render, plan, settings)
    results, written = list[ExportResult](), list[Path]()
    for part in parts:
        target, title = part.target, part.title(request.title or default_title(output))
        items = items_of(session, plan, settings, target, title, provide, engine.reader, averaged)
        if items:
            results += export(items, part.start, part.end, settings.format, settings.level, report("rendering"))
        for path in latent_paths(settings, target):
            save_latents(latents_of(plan, part.start, part.end, render, report("latents")), path)
            written.append(path)
    seconds = time.perf_counter() - started
    duration_s = sum(part.end - part.start for part in parts) / session.rate
    rendered_here = engine.renderer.counters if isinstance(engine.renderer, Renderer) else None
    counters = rendered_here if pool is None else pool
    first: dict[str, object] = _row(results[0]) if results else {"output": str(written[0]), "channels": plan.channels}
    return {
        **first,
        "codec": session.codec,
        "duration_s": duration_s,
        "encodes": counters.encodes if counters is not None else None,
        "decodes": counters.decodes if counters is not None else None,
        "render_s": seconds,
        "x_realtime": duration_s / seconds,
        "files": [_row(result) for result in results],
        "latents": [str(path) for path in written],
        "averaging": _gain(averaged.gain) if averaged is not None and averaged.gain is not None else None,
    }


def _gain(gain: Gain) -> dict[str, object]:
    return msgspec.structs.asdict(gain) | {"gain_db": gain.gain_db, "text": gain.text}


def _averaged(render: Render, plan: Plan, settings: ExportSettings) -> Averaged | None:
    """What averages decodes, if that was asked for. Raises `UsageError` if all decodes are equal."""
    if settings.decodes == 1:
        return None
    if not plan.codec.stochastic:
        problem = f"--decodes averages nothing: codec {plan.codec.title} does not decode from noise"
        raise UsageError(problem, "Leave it out, or choose another --codec")
    return Averaged(settings.decodes, lambda chunks: [render([chunk])[0] for chunk in chunks])


def _row(result: ExportResult) -> dict[str, object]:
    return {
        "output": str(result.path),
        "sample_rate": result.sample_rate,
        "channels": result.channels,
        "length_samples": result.length,
        "peak_dbfs": 20.0 * math.log10(max(result.peak, 1e-10)),
        "clipped_samples": result.clipped_samples,
        "gain_db": result.gain_db,
        "not_normalized": result.not_normalized,
        "loudness_lufs": _finite(result.loudness),
        "true_peak_dbtp": _finite(result.true_peak_db),
        "reduction_db": result.reduction_db,
        "missed_db": result.missed_db,
        "shortfall": result.shortfall,
        "limiter_helps": result.limiter_helps,
    }


def _finite(level_db: float | None) -> float | None:
    """A level for JSON, which has no infinity: None for silence, as for what was not measured."""
    return level_db if level_db is not None and math.isfinite(level_db) else None
