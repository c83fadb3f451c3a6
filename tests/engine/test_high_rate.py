"""Sessions at 48 kHz from import to everything that is written from them, without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles.decode import decode_media
from lincae_studio.engine.bundles.latent_files import decoded, latents_of, load_latents, save_latents
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import open_bundle, write_bundle
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.dry_mix import DryMix
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.errors import EditError
from lincae_studio.media.collect import collect
from lincae_studio.media.dawproject.export import write_dawproject
from lincae_studio.media.dawproject.reader import read_dawproject
from lincae_studio.media.loudness import LoudnessMeter
from lincae_studio.media.search import search
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, places, rates
from lincae_studio.session.delta import apply, delta
from lincae_studio.session.digests import plain, rate_of
from lincae_studio.session.model import Point, Rate, Session, Tempo
from lincae_studio.session.rules import validated
from tests.helpers import files_below, load_codec, new_renderer, noise, read_audio, render_plan, tone, write_audio

HIGH: Rate = 48_000


@pytest.fixture
def session(store: MediaStore, tmp_path: Path) -> Session:
    """Two files of different rates at 48 kHz, one of them split and moved, with an envelope, a marker and a tempo."""
    one = store.import_file(write_audio(tmp_path / "one.wav", noise(1, 3 * HIGH, 2, 0.1), HIGH), rate=HIGH)
    two = store.import_file(write_audio(tmp_path / "two.wav", tone(440.0, 2 * 44_100, level=0.2)), rate=HIGH)
    assert (one.length, two.length) == (3 * HIGH, 2 * HIGH)
    made = edits.add_stems(Session(rate=HIGH, codec="mdct-1x"), [one, two], 12_345)
    made = edits.split_clips(made, [made.tracks[0].clips[0].id], 60_000)
    made = edits.move_clips(made, [made.tracks[0].clips[1].id], 7777)
    made = edits.set_gain_points(made, made.tracks[1].id, [Point(0, 1.0), Point(HIGH, 0.25)])
    made = places.set_tempo(places.add_marker(made, HIGH, "verse"), Tempo(bpm=93.0, start=480))
    return validated(made)


def mix(session: Session, store: MediaStore, codec: str) -> np.ndarray:
    info = registry.for_session(codec, rate=session.rate)
    return render_plan(make_plan(session, info), new_renderer(StoreReader(store)))


def test_the_lossless_codec_gives_the_dry_mix(session: Session, store: MediaStore) -> None:
    dry = DryMix(session, StoreReader(store))
    assert dry.rate == HIGH
    found = mix(edits.set_gain_points(session, session.tracks[1].id, []), store, "mdct-1x")
    still = DryMix(edits.set_gain_points(session, session.tracks[1].id, []), StoreReader(store))
    assert np.abs(found[:, : session.length] - still.read(0, session.length)).max() < 1e-4


def test_a_file_at_both_rates_is_stored_twice(store: MediaStore, tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 44_100))
    low, high = store.import_file(path), store.import_file(path, rate=HIGH)
    assert (plain(high.digest), high.length, low.length) == (low.digest, HIGH, 44_100)
    assert store.open(low.digest).length == 44_100
    assert store.open(high.digest).length == HIGH
    assert store.file_state(high) == store.file_state(low) == "here"
    store.clear()
    store.ensure(high)
    assert store.fits(high)
    assert not store.fits(low)
    moved = tmp_path / "moved" / "b.wav"
    moved.parent.mkdir()
    path.rename(moved)
    assert search(moved.parent, [high])[high.digest].exact


def test_a_dawproject_keeps_seconds(session: Session, store: MediaStore, tmp_path: Path) -> None:
    write_dawproject(session, store, tmp_path / "song.dawproject", "Song")
    high, _ = read_dawproject(tmp_path / "song.dawproject", tmp_path / "high", store, rate=HIGH)
    assert high.rate == HIGH

    def places_of(found: Session) -> list[tuple[int, int, int]]:
        return [(clip.start, clip.offset, clip.length) for clip in found.clips()]

    assert places_of(high) == places_of(session)
    assert [marker.at for marker in high.markers] == [HIGH]
    assert {media.digest for media in high.media} == {media.digest for media in session.media}
    low, _ = read_dawproject(tmp_path / "song.dawproject", tmp_path / "low", store)
    assert low.rate == 44_100
    for before, after in zip(session.clips(), low.clips(), strict=True):
        assert abs(after.start / 44_100 - before.start / HIGH) < 1 / 44_100


def test_a_bundle_plays_elsewhere_at_its_rate(session: Session, store: MediaStore, tmp_path: Path) -> None:
    info = registry.for_session("mdct-2x", rate=HIGH)
    session = edits.set_codec(session, "mdct-2x")
    write_bundle(session, info, new_renderer(StoreReader(store)).render_many, tmp_path / "song.lincaez")
    elsewhere, cache = tmp_path / "elsewhere", LatentCache(None)
    opened = open_bundle(tmp_path / "song.lincaez", BundleStore(bundles_dir(elsewhere)))
    assert validated(opened).rate == HIGH
    [file] = files_below(bundles_dir(elsewhere))
    latents = BundledLatents(file)
    assert latents.problem(Computation()) == ""
    cache.attach([latents])
    there = MediaStore(elsewhere)
    renderer = new_renderer(StoreReader(there), cache, load_codec)
    found = render_plan(make_plan(opened, info), renderer)
    assert np.abs(found - mix(session, store, "mdct-2x")).max() < 1e-2, "but for float16"
    for media in opened.media:
        decode_media(media, latents, 0, renderer.render_many, there, Computation())
        assert there.fits(media)
    with pytest.raises(EditError, match="has not been converted"):
        rates.convert(opened, 44_100, {})


def test_exported_latents_are_decoded_at_their_rate(session: Session, store: MediaStore, tmp_path: Path) -> None:
    plan = make_plan(session, registry.for_session("mdct-1x", rate=HIGH))
    content = latents_of(plan, 0, plan.length, new_renderer(StoreReader(store)).render_many)
    save_latents(content, tmp_path / "a.safetensors")
    back = load_latents(tmp_path / "a.safetensors")
    assert back.header.sample_rate_hz == HIGH
    stream = decoded(back, registry.load("mdct-1x", rate=back.header.sample_rate_hz))
    assert stream.rate == HIGH
    audio = np.concatenate(list(stream.blocks(0, plan.length)), axis=1)
    assert np.abs(audio - mix(session, store, "mdct-1x")[:, : plan.length]).max() < 1e-4


def test_collected_audio_has_the_session_s_rate(session: Session, store: MediaStore, tmp_path: Path) -> None:
    """Audio whose file is gone is written from the cache."""
    for media in session.media:
        Path(media.path).unlink()
    found = collect(store, session.media, tmp_path / "collected")
    assert {rate_of(media.digest) for media in found.values()} == {HIGH}
    for path in files_below(tmp_path / "collected"):
        assert read_audio(path, HIGH).shape[1] in (3 * HIGH, 2 * HIGH)


def test_a_change_of_the_rate_is_journaled(session: Session, store: MediaStore, tmp_path: Path) -> None:
    converted = {media.digest: rates.at_rate(media, 44_100, round(media.length * 441 / 480)) for media in session.media}
    low = rates.convert(session, 44_100, converted)
    assert apply(session, delta(session, low)) == low
    files.save(low, tmp_path / "low.lincae")
    assert files.load(tmp_path / "low.lincae").rate == 44_100


@pytest.mark.parametrize("hz", [60.0, 997.0, 6000.0])
def test_loudness_is_the_same_at_both_rates(hz: float) -> None:
    found = []
    for rate in (44_100, HIGH):
        meter = LoudnessMeter(rate)
        meter.add(tone(hz, 5 * rate, rate, 0.1).T)
        found.append(meter.read())
    assert found[0].integrated == pytest.approx(found[1].integrated, abs=0.02)
    assert found[0].momentary == pytest.approx(found[1].momentary, abs=0.02)
