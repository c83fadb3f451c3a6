"""`lincae-studio check` and `match`: stems beside their master, or beside a reference mix, without a window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lincae_studio import atomic
from lincae_studio.cli.headless import headless
from lincae_studio.cli.progress import progress_bars
from lincae_studio.codecs import registry
from lincae_studio.engine.analysis.check_words import figures, sentence, summary, table
from lincae_studio.engine.analysis.checking import check_stems
from lincae_studio.engine.analysis.match_words import balances, match_notes, stem_line
from lincae_studio.engine.analysis.reference_match import match_reference
from lincae_studio.engine.export.items import check_paths
from lincae_studio.errors import ExportError, UsageError, os_error_reason
from lincae_studio.evaluation.check_page import check_page
from lincae_studio.jobs import Report
from lincae_studio.session import edits, files
from lincae_studio.session.balance import set_balance
from lincae_studio.session.levels import gain_to_db
from lincae_studio.session.model import Rate, Session
from lincae_studio.studio.engine import Engine


def check(
    master: Path,
    stems: Sequence[Path],
    codec: str,
    rate: Rate,
    from_channels: str,
    csv_path: Path | None = None,
    html_path: Path | None = None,
) -> tuple[dict[str, object], list[str]]:
    """Compare stems with their master. Returns the figures, and the same in words.

    Raises:
        StudioError: for a file, codec or output that cannot be used.
    """
    codec = registry.by_path(codec)
    outputs = [path for path in (csv_path, html_path) if path is not None]
    if outputs:
        check_paths(outputs, [master, *stems])
    with progress_bars() as report, headless() as engine:
        session = _session(engine, [master, *stems], codec, rate, from_channels, report)
        ids = [track.id for track in session.tracks]
        info = engine.info(codec, rate)
        result = check_stems(session, ids[0], ids[1:], info, engine.reader, engine.render, report("checking"))

    def name_of(track_id: int) -> str:
        return session.track(track_id).name

    if csv_path is not None:
        _write(csv_path, table(result, session, name_of))
    if html_path is not None:
        _write(html_path, check_page(result, session, name_of(ids[0]), name_of))
    lines = [summary(result, session), *(sentence(one, session, name_of) for one in result.findings)]
    lines += [f"note: {note}" for note in result.notes]
    return figures(result, session, name_of), lines + [str(path) for path in outputs]


def match(
    reference: Path,
    stems: Sequence[Path],
    output: Path,
    codec: str,
    rate: Rate,
    from_channels: str,
    smoothing_s: float,
) -> tuple[dict[str, object], list[str]]:
    """Write a project in which stems are mixed as in a reference. Returns the figures, and the same in words.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an existing output is kept.
    """
    if output.suffix.lower() != files.SUFFIX:
        raise UsageError(f"{output} is not a name for a project", f"Use a name ending in {files.SUFFIX}")
    codec = registry.by_path(codec)
    check_paths([output], [reference, *stems])
    with progress_bars() as report, headless() as engine:
        session = _session(engine, [reference, *stems], codec, rate, from_channels, report)
        ids = [track.id for track in session.tracks]
        info = engine.info(codec, rate)
        found = match_reference(
            session, ids[0], ids[1:], info, engine.reader, engine.render, smoothing_s, report("matching")
        )
    files.save(set_balance(session, ids[0], balances(found)), output)

    def name_of(track_id: int) -> str:
        return session.track(track_id).name

    rows = [
        {
            "stem": name_of(track_id),
            "gain_db": round(gain_to_db(level.gain), 3) if level.gain > 0.0 else None,
            "lowest_db": round(level.lowest_db, 3),
            "highest_db": round(level.highest_db, 3),
            "points": len(level.gain_points),
            "pan": round(level.pan, 3),
            "pan_points": len(level.pan_points),
            "moved_samples": level.lag,
        }
        for track_id, level in found.levels.items()
    ]
    alike = [[name_of(track_id) for track_id in group] for group in found.inseparable]
    result: dict[str, object] = {
        "output": str(output),
        "stems": rows,
        "inseparable": alike,
        "residual_db": round(found.residual_db, 3),
    }
    lines = [f"{output}: the residual is {found.residual_db:.1f} dB relative to the reference"]
    lines += [f"{name_of(track_id)}: {stem_line(level)}" for track_id, level in found.levels.items()]
    return result, lines + [f"note: {note}" for note in match_notes(found, name_of)]


def _session(
    engine: Engine, paths: Sequence[Path], codec: str, rate: Rate, from_channels: str, report: Report
) -> Session:
    """A session with each file on a track of its own, in this order."""
    registry.for_session(codec, rate=rate)
    media = engine.import_files(paths, report, from_channels, rate)
    return edits.add_stems(edits.set_codec(Session(rate=rate), codec), media, 0)


def _write(path: Path, text: str) -> None:
    """Write a report. Raises `ExportError`."""
    try:
        atomic.write_bytes(path, text.encode())
    except OSError as error:
        reason, remedy = os_error_reason(error, path)
        raise ExportError(f"cannot write {path}: {reason}", remedy) from error
