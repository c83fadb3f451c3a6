"""Audio to latents and back, without a window."""

from __future__ import annotations

from pathlib import Path

from lincae_studio.cli.headless import headless, preferred_computation
from lincae_studio.cli.options import Request
from lincae_studio.cli.progress import progress_bars
from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.latent_files import decoded, format_of, latents_of, load_latents, save_latents
from lincae_studio.engine.export.writer import ExportItem, export, refuse_overwriting
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.media.writer import Tags
from lincae_studio.session import edits
from lincae_studio.session.model import DEFAULT_RATE, Rate, Session


def encode(
    path: Path, output: Path, codec: str, rate: Rate = DEFAULT_RATE, from_channels: str = ""
) -> dict[str, object]:
    """Encode an audio file to a latents file. Returns its figures.

    Args:
        from_channels: which channels of a file with more than two, as in `Media.channel_selection`.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an existing output is kept.
    """
    format_of(output)
    codec = registry.by_path(codec)
    refuse_overwriting([path], output)
    with progress_bars() as report, headless() as engine:
        info = engine.info(codec, rate)
        media = engine.import_file(path, report, from_channels, rate)
        session = edits.set_codec(edits.add_stems(Session(rate=rate), [media], 0), codec)
        plan = make_plan(session, info)
        content = latents_of(plan, 0, session.length, engine.render, report("encoding"))
        save_latents(content, output)
    audio_bytes = media.length * media.channels * 3
    return {
        "output": str(output),
        "codec": info.id,
        "shape": list(content.latents.shape),
        "duration_s": media.length / session.rate,
        "bytes": output.stat().st_size,
        "pcm24_bytes": audio_bytes,
    }


def decode(path: Path, output: Path, request: Request) -> dict[str, object]:
    """Decode a latents file to an audio file. Returns the figures of the export.

    Raises:
        StudioError: for a file, codec or output that cannot be used; an existing output is kept.
    """
    refuse_overwriting([path], output)
    content = load_latents(path)
    header = content.header
    computation = preferred_computation()
    info = registry.for_session(header.codec, computation, header.sample_rate_hz)
    stream = decoded(content, registry.load(header.codec, computation, header.sample_rate_hz))
    tags = Tags(request.title or output.stem, request.settings.artist, f"decoded from latents of {info.title}")
    settings = request.settings
    end = header.start + header.length
    with progress_bars() as report:
        item = ExportItem(output, stream, tags)
        [result] = export([item], header.start, end, settings.format, settings.level, report("decoding"))
    return {
        "output": str(result.path),
        "codec": header.codec,
        "sample_rate": result.sample_rate,
        "channels": result.channels,
        "length_samples": result.length,
        "duration_s": header.length / header.sample_rate_hz,
        "clipped_samples": result.clipped_samples,
    }
