"""Exports: files match the settings, read back by an independent reader (sox) where it is available."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from msgspec.structs import replace

from lincae_studio.codecs.base import Array
from lincae_studio.engine.export.items import items_of, parts_of, paths_of, span_of
from lincae_studio.engine.export.writer import ExportItem, ExportResult, export
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.engine.rendering.streams import ProvideChunk, Stream, rendered
from lincae_studio.errors import Cancelled, ExportError
from lincae_studio.export_settings import PRESETS, AudioFormat, ExportSettings, Level
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.formats import format_problem
from lincae_studio.media.loudness import LoudnessMeter
from lincae_studio.media.store import MediaStore
from lincae_studio.media.writer import Tags
from lincae_studio.session import edits, groups, places
from lincae_studio.session.model import DEFAULT_RATE, Session
from tests.helpers import files_below, import_audio, new_renderer, noise, plan_of, render_all, si_sdr_db, tone

SOX = shutil.which("sox")


def stream_of(audio: Array) -> Stream:
    """A stream of samples `(channels, n)`, in parts of odd sizes."""

    def blocks(start: int, end: int) -> Iterator[Array]:
        for at in range(start, end, 7001):
            yield audio[:, at : min(at + 7001, end)]

    return Stream(len(audio), DEFAULT_RATE, blocks)


def write(
    path: Path,
    audio: Array,
    audio_format: AudioFormat | None = None,
    level: Level | None = None,
    tags: Tags | None = None,
) -> ExportResult:
    item = ExportItem(path, stream_of(audio), tags or Tags())
    [result] = export([item], 0, audio.shape[1], audio_format or AudioFormat(), level or Level())
    return result


def sox(*arguments: object) -> str:
    """What an independent program says of a file."""
    if SOX is None:
        pytest.skip("sox is not installed")
    done = subprocess.run([SOX, *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def soxi(path: Path, what: str) -> str:
    assert SOX is not None
    done = subprocess.run([SOX, "--info", what, path], capture_output=True, text=True, check=True)
    return done.stdout.strip()


MUSIC = np.concatenate([tone(440.0, 100_000, level=0.4), tone(3000.0, 100_000, level=0.2)], axis=1).T.copy()


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 16_000])
@pytest.mark.parametrize("kind", ["wav 16", "wav 24", "wav 32f", "flac 16", "flac 24"])
def test_sox_reads_lossless_files_back(tmp_path: Path, kind: str, rate: int) -> None:
    container, bits = kind.split()
    path = tmp_path / f"out.{container}"
    audio_format = AudioFormat(container=container, sample_format=bits, sample_rate=rate)  # type: ignore[arg-type]
    result = write(path, MUSIC, audio_format)
    expected = round(100_000 * rate / 44_100)
    assert abs(result.length - expected) <= 1
    if SOX is None:
        pytest.skip("sox is not installed")
    assert int(soxi(path, "-r")) == rate
    assert int(soxi(path, "-c")) == 2
    assert int(soxi(path, "-s")) == result.length
    assert soxi(path, "-b") == ("32" if bits == "32f" else bits)
    assert ("Floating" in soxi(path, "-e")) == (bits == "32f")
    statistics = {line[:9].strip(): line[9:].split() for line in sox(path, "-n", "stats").splitlines()}
    rms_db = [20 * math.log10(level / math.sqrt(2)) for level in (0.4, 0.2)]
    assert list(map(float, statistics["RMS lev d"][2:])) == pytest.approx(rms_db, abs=0.05)
    if rate == DEFAULT_RATE:
        peak_db = [20 * math.log10(level) for level in (0.4, 0.2)]
        assert list(map(float, statistics["Pk lev dB"][1:])) == pytest.approx(peak_db, abs=0.02)


@pytest.mark.parametrize("container", ["ogg", "mp3"])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_lossy_files_sound_alike(tmp_path: Path, container: str, rate: int) -> None:
    path = tmp_path / f"out.{container}"
    sizes = []
    for quality in (0.1, 0.9):
        write(path, MUSIC, AudioFormat(container=container, sample_rate=rate, quality=quality))  # type: ignore[arg-type]
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[1] < MUSIC.nbytes / 4
    found, found_rate = sf.read(path, always_2d=True)
    assert found_rate == rate
    assert abs(len(found) - 100_000 * rate / 44_100) < 2500, "MP3 pads"
    spectrum = np.abs(np.fft.rfft(found[10_000:60_000], axis=0))
    loudest = np.argmax(spectrum, axis=0) * rate / 50_000
    np.testing.assert_allclose(loudest, [440.0, 3000.0], atol=2.0)
    if SOX is not None:
        assert int(soxi(path, "-r")) == rate
        assert int(soxi(path, "-c")) == 2


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    for audio_format in (
        AudioFormat(container="flac", sample_format="32f"),
        AudioFormat(container="mp3", sample_rate=96_000),
    ):
        assert format_problem(audio_format)
        with pytest.raises(ExportError, match=format_problem(audio_format)):
            write(tmp_path / f"out.{audio_format.container}", MUSIC, audio_format)
    with pytest.raises(ExportError, match=r"must end in \.flac"):
        write(tmp_path / "out.wav", MUSIC, AudioFormat(container="flac", sample_format="16"))
    assert files_below(tmp_path) == []


def test_converting_the_rate_keeps_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    write(path, MUSIC, AudioFormat(sample_rate=96_000))
    found, _ = sf.read(path)
    at = np.arange(len(found)) / 96_000
    expected = np.stack([0.4 * np.sin(2 * np.pi * 440 * at), 0.2 * np.sin(2 * np.pi * 3000 * at)], axis=1)
    inside = slice(2000, -2000)
    assert si_sdr_db(found[inside].T, expected[inside].T) > 90.0


@pytest.mark.parametrize(("channels", "expected"), [("mono", 1), ("stereo", 2), ("mix", 2)])
def test_channels(tmp_path: Path, channels: str, expected: int) -> None:
    path = tmp_path / "out.wav"
    assert write(path, MUSIC, AudioFormat(channels=channels)).channels == expected  # type: ignore[arg-type]
    found, _ = sf.read(path, always_2d=True, dtype="float32")
    wanted = MUSIC.mean(axis=0, keepdims=True) if expected == 1 else MUSIC
    np.testing.assert_allclose(found.T, wanted, atol=1e-7)
    mono = MUSIC[:1]
    write(path, mono, AudioFormat(channels="stereo"))
    found, _ = sf.read(path, always_2d=True, dtype="float32")
    np.testing.assert_array_equal(found.T, np.repeat(mono, 2, axis=0))


def test_dither_makes_noise_of_errors_and_none_without(tmp_path: Path) -> None:
    """A tone below one step is lost by rounding; with TPDF dither it survives, under noise of known power."""
    quiet = tone(1000.0, 200_000, level=0.4 / 32_768).T.copy()
    step = 1.0 / 32_768
    write(tmp_path / "plain.wav", quiet, AudioFormat(sample_format="16", dither=False))
    assert not sf.read(tmp_path / "plain.wav")[0].any()
    write(tmp_path / "dithered.wav", quiet, AudioFormat(sample_format="16"))
    found = sf.read(tmp_path / "dithered.wav")[0]
    error = found - quiet[0]
    assert np.sqrt(np.mean(error**2)) == pytest.approx(step * math.sqrt(1 / 4), rel=0.03), "TPDF and rounding: step/2"
    assert abs(float(np.dot(error, quiet[0])) / float(np.dot(quiet[0], quiet[0]))) < 0.05, "no part of it is the tone"
    assert np.abs(error).max() <= 1.5 * step
    first = (tmp_path / "dithered.wav").read_bytes()
    write(tmp_path / "dithered.wav", quiet, AudioFormat(sample_format="16"))
    assert (tmp_path / "dithered.wav").read_bytes() == first, "two exports are equal"
    write(tmp_path / "deep.wav", quiet, AudioFormat(sample_format="24"))
    assert np.abs(sf.read(tmp_path / "deep.wav")[0] - quiet[0]).max() <= 0.5 / 2**23, "none at 24 bits"


def loudness_of(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak, of the file at the session rate."""
    meter = LoudnessMeter(DEFAULT_RATE)
    samples, _ = sf.read(path, dtype="float32", always_2d=True)
    meter.add(samples.T)
    found = meter.read()
    return found.integrated, found.true_peak


def test_the_peak_is_normalised(tmp_path: Path) -> None:
    result = write(tmp_path / "out.wav", MUSIC, level=Level(normalize="peak", target_db=-3.0, true_peak_db=0.0))
    assert 20 * math.log10(np.abs(sf.read(tmp_path / "out.wav")[0]).max()) == pytest.approx(-3.0, abs=0.01)
    assert result.gain_db == pytest.approx(-3.0 - 20 * math.log10(0.4), abs=0.01)
    assert files_below(tmp_path) == [tmp_path / "out.wav"], "the temporary file for measuring is gone"


@pytest.mark.parametrize("target", [-23.0, -16.0, -14.0])
def test_loudness_is_normalised(tmp_path: Path, target: float) -> None:
    audio = noise(3, 5 * DEFAULT_RATE, 2, 0.05).T.copy()
    write(tmp_path / "out.wav", audio, level=Level(normalize="loudness", target_db=target, true_peak_db=0.0))
    assert loudness_of(tmp_path / "out.wav")[0] == pytest.approx(target, abs=0.1)


def test_no_file_is_louder_than_the_true_peak(tmp_path: Path) -> None:
    """Samples of this tone never meet its crests: its true peak is 3 dB above them."""
    at = np.arange(3 * DEFAULT_RATE)
    crests = (0.9 * np.sin(np.pi / 2 * at + np.pi / 4))[None].astype(np.float32)
    write(tmp_path / "out.wav", crests, level=Level(normalize="peak", target_db=0.0, true_peak_db=-1.0))
    assert loudness_of(tmp_path / "out.wav")[1] == pytest.approx(-1.0, abs=0.2)
    quiet = noise(3, 3 * DEFAULT_RATE, 1, 0.01).T.copy()
    quiet[0, 5000] = 0.9
    write(tmp_path / "out.wav", quiet, level=Level(normalize="loudness", target_db=-10.0, true_peak_db=-1.0))
    loudness, true_peak = loudness_of(tmp_path / "out.wav")
    assert true_peak == pytest.approx(-1.0, abs=0.2)
    assert loudness < -20.0, "limited"


def test_silence_stays_silence(tmp_path: Path) -> None:
    for normalize in ("peak", "loudness"):
        result = write(tmp_path / "out.wav", np.zeros((2, 50_000), np.float32), level=Level(normalize=normalize))
        assert result.gain_db == 0.0
        assert not sf.read(tmp_path / "out.wav")[0].any()


@pytest.mark.parametrize("normalize", ["peak", "loudness"])
def test_stems_that_are_changed_alike_still_add_up(tmp_path: Path, normalize: str) -> None:
    one, two = noise(1, 4 * DEFAULT_RATE, 1, 0.02).T.copy(), noise(2, 4 * DEFAULT_RATE, 1, 0.05).T.copy()
    items = [
        ExportItem(tmp_path / f"{name}.wav", stream_of(audio))
        for name, audio in (("mix", one + two), ("one", one), ("two", two))
    ]
    level = Level(normalize=normalize, target_db=-16.0)  # type: ignore[arg-type]
    results = export(items, 0, one.shape[1], AudioFormat(), level)
    assert len({result.gain_db for result in results}) == 1
    mix, first, second = (sf.read(item.path)[0] for item in items)
    np.testing.assert_allclose(first + second, mix, atol=1e-6)
    each = export(items, 0, one.shape[1], AudioFormat(), replace(level, together=False))
    assert len({round(result.gain_db, 3) for result in each}) == 3


def test_no_stem_is_louder_than_the_true_peak_either(tmp_path: Path) -> None:
    """The mix is quiet where a stem is not: what the one cancels, the other still peaks with."""
    mix = noise(1, 4 * DEFAULT_RATE, 1, 0.02).T.copy()
    stem = mix.copy()
    stem[0, 9000] = 0.95
    items = [ExportItem(tmp_path / f"{n}.wav", stream_of(audio)) for n, audio in enumerate((mix, stem))]
    level = Level(normalize="loudness", target_db=-14.0, true_peak_db=-1.0)
    results = export(items, 0, mix.shape[1], AudioFormat(), level)
    assert results[0].gain_db == results[1].gain_db
    assert loudness_of(items[1].path)[1] == pytest.approx(-1.0, abs=0.2)


def test_tags_are_in_the_file(tmp_path: Path) -> None:
    tags = Tags("Nächtliche Lieder", "A. Band", "codec mdct-2x\n\0seed 3")
    for audio_format in (
        AudioFormat(),
        AudioFormat(container="flac", sample_format="16"),
        AudioFormat(container="ogg"),
        AudioFormat(container="mp3"),
    ):
        path = tmp_path / f"out.{audio_format.container}"
        write(path, MUSIC, audio_format, tags=tags)
        with sf.SoundFile(path) as file:
            assert (file.title, file.artist) == (tags.title, tags.artist)
            assert file.comment == "codec mdct-2xseed 3"


def cancelling(token: CancelToken, reports: list[Progress], when: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == when:
            token.cancel()

    return report


def test_cancelled_while_it_is_measured_or_written(tmp_path: Path) -> None:
    old = tmp_path / "out.wav"
    old.write_bytes(b"older")
    for when in (2, 16):  # there are 15 reports while it is measured
        token, reports = CancelToken(), list[Progress]()

        def report(
            progress: Progress, reports: list[Progress] = reports, token: CancelToken = token, when: int = when
        ) -> None:
            reports.append(progress)
            if len(reports) == when:
                token.cancel()

        with pytest.raises(Cancelled):
            export(
                [ExportItem(old, stream_of(MUSIC))], 0, 100_000, AudioFormat(), Level(normalize="peak"), report, token
            )
        assert files_below(tmp_path) == [old]
        assert old.read_bytes() == b"older"


def test_progress_goes_from_zero_to_complete(tmp_path: Path) -> None:
    reports: list[Progress] = []
    items = [ExportItem(tmp_path / f"{n}.wav", stream_of(MUSIC)) for n in range(3)]
    export(items, 0, 100_000, AudioFormat(), Level(normalize="peak"), reports.append)
    done = [report.fraction for report in reports]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert {report.label for report in reports} == {f"Exporting {n}.wav" for n in range(3)}


def test_a_full_disk_while_measuring_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no such file or folder"):
        write(tmp_path / "missing" / "out.wav", MUSIC, level=Level(normalize="peak"))


# Of a session


@pytest.fixture
def session(store: MediaStore, tmp_path: Path) -> Session:
    """Three tracks of some four seconds: stereo, mono and panned, muted; with a loop."""
    drums = import_audio(store, tmp_path / "stems" / "drums.wav", noise(1, 150_000, 2, 0.1))
    bass = import_audio(store, tmp_path / "stems" / "bass.wav", tone(110.0, 170_000))
    made = edits.add_stems(Session(seed=3), [drums, bass, drums], 5000)
    made = edits.set_track_mute(edits.set_track_pan(made, 3, -0.5), 5, True)
    made = places.set_loop(made, 30_000, 100_000)
    return edits.set_codec(edits.rename_track(made, 3, "bass: deep/low?"), "mdct-2x")


class Renders:
    """Provides chunks, and knows which were asked for."""

    def __init__(self, store: MediaStore) -> None:
        self.renderer: Renderer = new_renderer(StoreReader(store))
        self.asked: list[int] = []

    def __call__(self, plan: Plan) -> ProvideChunk:
        def provide(chunk):  # type: ignore[no-untyped-def]
            self.asked.append(chunk.index)
            return self.renderer.render(chunk)

        return provide


def test_a_span_costs_only_its_chunks_and_is_cut_to_the_sample(
    session: Session, store: MediaStore, tmp_path: Path
) -> None:
    long = edits.move_clips(session, {4}, 60 * DEFAULT_RATE)
    plan = plan_of(long, "mdct-2x")
    renders = Renders(store)
    whole = render_all(long, StoreReader(store), "mdct-2x")
    for start, end in ((30_000, 100_000), (150_000, 160_000), (0, 50_000)):
        renders.asked.clear()
        export([ExportItem(tmp_path / "a.wav", rendered(plan, renders(plan)))], start, end, AudioFormat(), Level())
        found, _ = sf.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
        np.testing.assert_allclose(found.T, whole[:, start:end], atol=1e-6)
        assert set(renders.asked) == set(plan.grid.heard(start, end))
        assert len(renders.asked) < len(plan.audible)


def test_a_tail_contains_the_decay(store: MediaStore, tmp_path: Path) -> None:
    """A click at the very end is spread by the codec beyond it; then comes silence."""
    click = np.zeros((50_000, 1), np.float32)
    click[-1] = 0.9
    session = edits.set_codec(
        edits.add_stems(Session(), [import_audio(store, tmp_path / "click.wav", click)], 0), "mdct-4x"
    )
    plan = plan_of(session, "mdct-4x")
    stream = rendered(plan, new_renderer(StoreReader(store)).render)
    audio = np.concatenate(list(stream.blocks(0, 50_000 + 3 * DEFAULT_RATE)), axis=1)
    assert audio.shape == (1, 50_000 + 3 * DEFAULT_RATE)
    assert np.abs(audio[0, 50_000:50_500]).max() > 0.001
    assert not audio[0, 52_000 + 2 * DEFAULT_RATE :].any()


def test_all_contents_are_what_they_say(session: Session, store: MediaStore, tmp_path: Path) -> None:
    settings = ExportSettings(contents=("mix", "dry", "difference", "tracks"), tail_s=0.5)
    plan, reader = plan_of(session, "mdct-2x"), StoreReader(store)
    start, end = span_of(session, settings)
    assert (start, end) == (0, session.length + 22_050)
    items = items_of(session, plan, settings, tmp_path / "song.wav", "song", Renders(store), reader)
    results = export(items, start, end, settings.format, settings.level)
    names = [
        "song.wav",
        "song (dry).wav",
        "song (difference).wav",
        "song - 1 drums.wav",
        "song - 2 bass_ deep_low_.wav",
    ]
    assert [result.path.name for result in results] == names
    assert paths_of(session, settings, tmp_path / "song.wav") == [result.path for result in results]
    mix, dry_mix, less, drums, bass = (
        sf.read(tmp_path / name, dtype="float32", always_2d=True)[0].T[:, : session.length] for name in names
    )
    np.testing.assert_allclose(mix, render_all(session, reader, "mdct-2x"), atol=1e-6)
    np.testing.assert_allclose(dry_mix, DryMix(session, reader).read(0, session.length), atol=1e-6)
    np.testing.assert_allclose(less, mix - dry_mix, atol=1e-6)
    np.testing.assert_allclose(drums + bass, mix, atol=1e-4)
    with sf.SoundFile(tmp_path / names[0]) as file:
        assert file.title == "song"
        assert f"({plan.codec.identity}), seed 3" in file.comment
    with sf.SoundFile(tmp_path / names[1]) as file:
        assert "without a codec" in file.comment


def test_sections_are_parts_with_files_of_their_own(session: Session, tmp_path: Path) -> None:
    target = tmp_path / "song.wav"
    settings = ExportSettings(span="sections", contents=("dry", "difference"), tail_s=1.0)
    for at, name, length in ((60_000, "Chorus", 500), (5_000, "Verse/1", 56_000), (99, "a marker", 0)):
        session = places.add_marker(session, at, name, length)
    assert [(part.target.name, part.start, part.end) for part in parts_of(session, settings, target)] == [
        ("song - 1 Verse_1.wav", 5_000, 61_000 + DEFAULT_RATE),
        ("song - 2 Chorus.wav", 60_000, 60_500 + DEFAULT_RATE),
    ]
    assert [part.title("Song") for part in parts_of(session, settings, target)] == ["Song - Verse/1", "Song - Chorus"]
    assert [path.name for path in paths_of(session, settings, target)] == [
        "song - 1 Verse_1 (dry).wav",
        "song - 1 Verse_1 (difference).wav",
        "song - 2 Chorus (dry).wav",
        "song - 2 Chorus (difference).wav",
    ]


def test_stems_and_spans_as_chosen(session: Session, tmp_path: Path) -> None:
    target = tmp_path / "song.flac"
    heard = ExportSettings(contents=("tracks",))
    assert [path.name for path in paths_of(session, heard, target)] == [
        "song - 1 drums.flac",
        "song - 2 bass_ deep_low_.flac",
    ]
    assert len(paths_of(session, replace(heard, stems="all"), target)) == 3
    grouped = groups.group_tracks(session, {track.id for track in session.tracks[1:]}, "Low: end")
    names = [path.name for path in paths_of(grouped, replace(heard, stems="groups"), target)]
    assert names == ["song - 1 drums.flac", "song - 2 Low_ end.flac"]
    assert paths_of(session, ExportSettings(contents=("dry",)), target) == [target], "a single file has the name itself"
    assert span_of(session, ExportSettings(span="loop")) == (30_000, 100_000)
    tail = ExportSettings(span="selection", tail_s=1.0)
    assert span_of(session, tail, (5, 50)) == (5, 50 + DEFAULT_RATE)
    assert span_of(replace(session, rate=48_000), tail, (5, 50)) == (5, 50 + 48_000)
    with pytest.raises(ExportError, match="no section"):
        span_of(session, ExportSettings(span="sections"))
    with pytest.raises(ExportError, match="no loop"):
        span_of(replace(session, loop=None), ExportSettings(span="loop"))
    with pytest.raises(ExportError, match="nothing is selected"):
        span_of(session, ExportSettings(span="selection"))
    with pytest.raises(ExportError, match="nothing to export"):
        span_of(Session(), ExportSettings())


def test_presets_can_be_made() -> None:
    for name, preset in PRESETS.items():
        assert format_problem(preset.format) == "", name
        assert preset.contents, name
