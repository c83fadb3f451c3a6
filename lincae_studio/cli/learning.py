"""What `lincae-studio operator` does: learning an operator from two files, and describing one."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from lincae_studio.cli.headless import headless
from lincae_studio.cli.progress import progress_bars
from lincae_studio.codecs import registry
from lincae_studio.engine.analysis.learning import example, learn
from lincae_studio.engine.analysis.learning_words import band_texts, channels_text, figure, figures, notes, verdict
from lincae_studio.engine.bundles.operator_files import SUFFIX, load_operator, save_operator
from lincae_studio.engine.export.items import check_paths
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.errors import UsageError
from lincae_studio.session import edits
from lincae_studio.session.model import Operator, Rate, Session
from lincae_studio.session.times import count_of


def fit(
    before: Path,
    after: Path,
    output: Path,
    codec: str,
    context: tuple[int, int],
    ridge: float | None,
    name: str,
    rate: Rate,
    from_channels: str,
) -> tuple[dict[str, object], list[str], bool]:
    """Learn an operator, and write it if it explains enough. Returns figures, the same in words, and whether it does.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an existing output is kept.
    """
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"{output} is not a name for an operator", f"Use a name ending in {SUFFIX}")
    codec = registry.by_path(codec)
    registry.for_session(codec, rate=rate)
    check_paths([output], [before, after])
    with progress_bars() as report, headless() as engine:
        media = engine.import_files([before, after], report, from_channels, rate)
        session = edits.add_stems(edits.set_codec(Session(rate=rate), codec), media, 0)
        ids = [[clip.id for clip in track.clips] for track in session.tracks]
        info = engine.info(codec, rate)
        past, future = context
        found = learn(
            example(session, *ids), info, engine.reader, engine.render, past, future, ridge, report("learning")
        )
    lines = [verdict(found), *_lines(found.operator), *(f"note: {note}" for note in notes(found, info))]
    written = figures(found, info) | {"output": str(output) if found.accepted else None}
    if found.accepted:
        save_operator(replace(found.operator, name=name or output.stem), output)
        lines.append(str(output))
    return written, lines, found.accepted


def info(path: Path) -> tuple[dict[str, object], list[str]]:
    """The figures of an operator, and the same in words. Raises `ProjectError`."""
    operator = load_operator(path)
    fields = ("name", "codec", "space", "channels", "reach", "past", "future", "r2", "plain_r2", "bands")
    values: dict[str, object] = {name: getattr(operator, name) for name in fields}
    values |= {"weights_bytes": len(operator.weights), "digest": digest_of(operator)}
    return values, [f"{operator.name}: held-out R² {figure(operator.r2)}, codec {operator.codec}", *_lines(operator)]


def _lines(operator: Operator) -> list[str]:
    return [
        f"each channel is made of {channels_text(operator)}, {count_of(operator.past, 'frame')} before and "
        f"{operator.future} after",
        f"a plain gain: R² {figure(operator.plain_r2)}",
        "R² by channels: " + ", ".join(f"{channels}: {value}" for channels, value in band_texts(operator)),
    ]
