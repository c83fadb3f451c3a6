"""Sessions of the Python interface: made, edited, rendered, saved and opened again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files as project_files, groups, places, snapshots
from lincae_studio.session.model import Point, Session as Document
from tests.helpers import noise, read_audio, render_all, tone, write_audio

RATE = 44_100


@pytest.fixture
def drums(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "drums.wav", noise(1, 3 * RATE))


@pytest.fixture
def bass(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "bass.wav", tone(110.0, 2 * RATE))


@pytest.fixture
def song(drums: Path, bass: Path) -> ls.Session:
    return ls.Session.from_files(drums, bass, codec="mdct-2x")


def test_each_file_gets_a_track_named_after_it(song: ls.Session) -> None:
    assert [track.name for track in song] == ["drums", "bass"]
    assert (song.duration, song.channels, song.rate, song.codec) == (3.0, 1, RATE, "mdct-2x")
    [clip] = song["bass"].clips
    assert (clip.start, clip.end, clip.offset, clip.file.name) == (0.0, 2.0, 0.0, "bass.wav")


def test_edits_are_those_of_the_document(song: ls.Session) -> None:
    """One of each, in seconds, compared with the pure edit, in samples."""
    before, (drums, bass) = song.document, (track.id for track in song)
    [clip] = before.track(drums).clips
    points = (Point(0, 1.0), Point(RATE, 0.5))
    grouped = groups.group_tracks(before, [drums, bass], "Rhythm")
    compared = [
        (song.set_track("drums", gain_db=-6.0), edits.set_track_gain(before, drums, ls.db_to_gain(-6.0))),
        (song.set_track(drums, pan=-1), edits.set_track_pan(before, drums, -1.0)),
        (song.set_track(song["bass"], mute=True), edits.set_track_mute(before, bass, True)),
        (song.set_track("bass", solo=True), edits.set_track_solo(before, bass, True)),
        (song.set_track("bass", subtract=True), edits.set_track_subtract(before, bass, True)),
        (song.set_track("bass", name="Low"), edits.rename_track(before, bass, "Low")),
        (song.set_track("bass", color="#123456"), edits.set_track_color(before, bass, "#123456")),
        (
            song.set_track("bass", gain_envelope=[(0.0, 1.0), (1.0, 0.5)]),
            edits.set_gain_points(before, bass, points),
        ),
        (song.set_track("bass", pan_envelope=[(0.0, 1.0), (1.0, 0.5)]), edits.set_pan_points(before, bass, points)),
        (song.set_master(gain=0.5), edits.set_master_gain(before, 0.5)),
        (song.set_master(gain_envelope=[(0.0, 1.0), (1.0, 0.5)]), edits.set_master_points(before, points)),
        (song.add_track("Keys"), edits.add_track(before, "Keys")),
        (song.remove_tracks("bass"), edits.remove_tracks(before, [bass])),
        (song.duplicate_tracks("bass"), groups.duplicate_tracks(before, [bass])),
        (song.group_tracks("drums", "bass", name="Rhythm"), grouped),
        (song.set_clip(clip.id, gain=2.0), edits.set_clip_gain(before, {clip.id}, 2.0)),
        (song.set_clip(clip.id, fade_in=0.5), edits.set_clip_fades(before, {clip.id}, fade_in=RATE // 2)),
        (song.set_clip(clip.id, fade_out=1.0), edits.set_clip_fades(before, {clip.id}, fade_out=RATE)),
        (
            song.set_clip(clip.id, fade_out_shape="s-curve"),
            edits.set_fade_shapes(before, {clip.id}, fade_out="s-curve"),
        ),
        (song.set_clip(clip.id, mute=True), edits.set_clip_mute(before, {clip.id}, True)),
        (song.set_clip(clip.id, name="Beat"), edits.rename_clip(before, clip.id, "Beat")),
        (song.set_clip(clip.id, color="#123456"), edits.set_clip_color(before, {clip.id}, "#123456")),
        (song.move_clip(clip.id, 1.5), edits.move_clips(before, {clip.id}, RATE * 3 // 2)),
        (song.move_clip(clip.id, 0.0, track="bass"), edits.move_clips(before, {clip.id}, 0, 1)),
        (song.trim_clip(clip.id, end=1.0), edits.trim_clip(before, clip.id, 0, RATE)),
        (song.trim_clip(clip.id, 0.5), edits.trim_clip(before, clip.id, RATE // 2, clip.end)),
        (song.split_clip(clip.id, 1.0), edits.split_clips(before, {clip.id}, RATE)),
        (song.remove_clips(clip.id), edits.remove_clips(before, {clip.id})),
        (song.add_marker(1.0, "Verse"), places.add_marker(before, RATE, "Verse")),
        (song.store_snapshot("Loud"), snapshots.store(before, "Loud")),
        (song.set_rendering(seed=3), edits.set_rendering(before, 3, 0, 0)),
        (song.set_codec("mdct-4x"), edits.set_codec(before, "mdct-4x")),
    ]
    for number, (ours, theirs) in enumerate(compared):
        assert ours.document == theirs, number
        assert ours.document != before, number
    assert song.document is before
    trimmed = song.trim_clip(clip.id, 1.0, 2.0)
    assert trimmed.slip_clip(clip.id, 0.5).document == edits.slip_clip(trimmed.document, clip.id, RATE // 2)
    assert song.group_tracks("drums", "bass", name="Rhythm").ungroup_tracks("Rhythm").document.tracks == before.tracks


def test_a_morph_goes_between_snapshots(song: ls.Session) -> None:
    stored = song.store_snapshot("Loud").set_track("drums", gain=0.25).store_snapshot("Quiet")
    morphed = stored.morph("Loud", "Quiet", [(0.0, 0.0), (3.0, 1.0)])
    rms = [np.sqrt(np.mean(np.square(block))) for block in np.array_split(morphed["drums"].render().samples[0], 2)]
    assert rms[1] < 0.8 * rms[0]
    assert stored.recall_snapshot("Loud")["drums"].gain == 1.0
    with pytest.raises(ls.StudioError, match=r"no snapshot “Soft”.*Loud, Quiet"):
        stored.recall_snapshot("Soft")


def test_regions_turn_channels_down_for_some_time(song: ls.Session) -> None:
    """In the mix, a track and a clip, with times of the timeline."""
    z = song.latents().values
    first, last = RATE // 256 + 1, 2 * RATE // 256
    for of in (None, "drums", song["drums"].clips[0]):
        alone = song if of is None else song.only("drums")
        before = alone.latents().values
        muted = alone.add_region((1.0, 2.0), (0, 63), of=of).latents().values
        np.testing.assert_array_equal(muted[:, 64:], before[:, 64:])
        assert not muted[:, :64, first:last].any()
        np.testing.assert_array_equal(muted[:, :, : first - 2], before[:, :, : first - 2])
        kept = alone.add_region((1.0, 2.0), (0, 63), gain=0.5, of=of, keep=True).latents().values
        np.testing.assert_array_equal(kept[:, :64], before[:, :64])
        np.testing.assert_allclose(kept[:, 64:, first:last], 0.5 * before[:, 64:, first:last], atol=1e-6)
    moved = song.move_clip(song["bass"].clips[0], 0.5)
    clip = moved["bass"].clips[0]
    [region] = moved.add_region((1.0, 2.0), (0, 3), of=clip)["bass"].value.clips[0].regions
    assert (region.start, region.end) == (RATE // 2, 3 * RATE // 2), "samples of its file"
    assert z.any()


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda song: song["keys"], "no track “keys”.*drums, bass"),
        (lambda song: song[99], "no track 99"),
        (lambda song: song.add_track("bass")["bass"], "2 tracks are named “bass”"),
        (lambda song: song.set_track("bass", gain=-1.0), "gain -1.0"),
        (lambda song: song.set_track("bass", gain=1.0, gain_db=0.0), "given twice"),
        (lambda song: song.set_track("bass", gain_envelope=[(0.0, 1.0), (0.0, 0.5)]), "envelope"),
        (lambda song: song.set_clip(99, mute=True), "no clip 99"),
        (lambda song: song.split_clip(3, float("nan")), "finite"),
        (lambda song: song.add_region((1.0, 1.0), (0, 3)), "end after its start"),
        (lambda song: song.add_region((0.0, 1.0), (3, 0)), "first channel"),
        (lambda song: song.move_clip(song["bass"].clips[0], -1.0), "before the beginning"),
        (lambda song: song.set_codec("nothing"), "no codec “nothing”"),
        (lambda song: song.apply(lambda document: Document(next_id=0)), "next_id"),
        (lambda song: song.render(span=(2.0, 1.0)), "from 2 to 1 s"),
        (lambda song: song.render(span=(5.0, 6.0)), "nothing from 5 s on.*3.000 s"),
        (lambda song: song.render(span=3.0), "two times"),
        (lambda song: song.render(content="wet"), "no content “wet”"),
        (lambda song: song.render(out=np.zeros((1, 5), np.float32)), r"\(1, 132300\)"),
        (lambda song: song.render(codec="nothing"), "no codec “nothing”"),
        (lambda song: song.export("mix.txt"), "cannot tell the format"),
        (lambda song: song.add_stems("/nowhere/x.wav"), "no such file"),
        (lambda song: ls.open("/nowhere/x.lincae"), "no such file"),
    ],
)
def test_errors_say_what_and_what_to_do(song: ls.Session, edit: object, problem: str) -> None:
    assert callable(edit)
    with pytest.raises(ls.StudioError, match=problem):
        edit(song)


def test_a_render_is_that_of_the_renderer_in_the_window(song: ls.Session, cache_dir: Path) -> None:
    song = song.set_track("drums", gain=0.5, pan=0.4)
    expected = render_all(song.document, StoreReader(MediaStore(cache_dir)), "mdct-2x")
    mix = song.render()
    assert mix.samples.dtype == np.float32
    assert mix.shape == expected.shape == (2, 3 * RATE)
    np.testing.assert_array_equal(mix, expected)
    np.testing.assert_array_equal(np.concatenate(list(song.stream()), axis=1), expected)
    np.testing.assert_array_equal(song.render(span=(0.5, 1.25)), expected[:, RATE // 2 : 5 * RATE // 4])
    other = song.render(codec="mdct-1x")
    np.testing.assert_allclose(other, song.render(content="dry"), atol=1e-5)
    np.testing.assert_allclose(mix.samples - song.render(content="dry"), song.render(content="difference"), atol=1e-6)


def test_tracks_add_up_to_the_mix(song: ls.Session) -> None:
    song = song.set_track("drums", gain=0.5).set_track("bass", pan=0.5)
    total = np.sum([np.asarray(track.render()) for track in song], axis=0)
    np.testing.assert_allclose(total, song.render(), atol=1e-5)
    np.testing.assert_array_equal(song.only("bass").render(), song["bass"].render())
    np.testing.assert_array_equal(song.without("drums").render(), song["bass"].render())


def test_a_group_renders_its_tracks(song: ls.Session) -> None:
    grouped = song.group_tracks("drums", "bass", name="Rhythm").set_track("Rhythm", gain=0.5)
    np.testing.assert_array_equal(grouped["Rhythm"].render(), grouped.render())
    np.testing.assert_array_equal(grouped.only("drums").render(), grouped["drums"].render())
    np.testing.assert_allclose(grouped.render(), 0.5 * song.render().samples, atol=1e-5)


def test_only_some_tracks_are_heard_without_what_is_beside_them_in_their_group_and_in_a_morph(
    song: ls.Session, bass: Path
) -> None:
    grouped = song.group_tracks("drums", "bass", name="Rhythm").add_clip("Rhythm", bass)
    np.testing.assert_array_equal(grouped.only("drums").render(), grouped["drums"].render())
    stored = song.store_snapshot("Loud").set_track("drums", gain=0.25, mute=True).store_snapshot("Quiet")
    morphed = stored.morph("Loud", "Quiet", [(0.0, 0.0), (3.0, 1.0)])
    np.testing.assert_array_equal(morphed.only("drums").render(), morphed["drums"].render())
    both = morphed.only("drums", "bass").render().samples
    np.testing.assert_allclose(both, morphed.render(), atol=1e-6)


def test_an_empty_session_renders_nothing() -> None:
    empty = ls.Session()
    assert empty.render().shape == (1, 0)
    assert list(empty.stream()) == list(empty.stream_latents()) == []
    with pytest.raises(ls.StudioError, match="no latents"):
        empty.latents()


def test_latents_are_those_of_the_mix(song: ls.Session) -> None:
    z = song.latents()
    assert z.shape == z.values.shape == (1, 128, -(-3 * RATE // 256))
    assert z.times.shape == z.values.shape[2:]
    assert (z.codec, z.hop, z.rate) == ("mdct-2x", 256, RATE)
    np.testing.assert_array_equal(z.decode(), song.render())
    blocks = list(song.stream_latents())
    np.testing.assert_array_equal(np.concatenate(blocks, axis=2)[:, :, : z.shape[2]], z.values)
    part = song.latents(span=(1.0, 2.0))
    first = RATE // 256
    np.testing.assert_array_equal(part.values, z.values[:, :, first : first + part.shape[2]])
    assert part.times[0] <= 1.0 < part.times[1]
    np.testing.assert_array_equal(part.decode(), song.render(span=(1.0, 2.0)))


def test_latents_add_up_as_tracks_do(song: ls.Session) -> None:
    mix, drums, bass = song.latents(), song["drums"].latents(), song["bass"].latents()
    np.testing.assert_allclose(drums + bass, mix, atol=1e-5)
    np.testing.assert_allclose(mix - bass, drums, atol=1e-5)
    np.testing.assert_allclose(0.5 * mix, song.set_master(gain=0.5).latents(), atol=1e-5)
    np.testing.assert_array_equal(-mix, mix * -1)
    by_numpy = np.float64(0.5) * mix
    assert isinstance(by_numpy, ls.Latents)
    np.testing.assert_array_equal(by_numpy, 0.5 * mix)
    with pytest.raises(ls.StudioError, match="cannot be combined"):
        mix + song.latents(codec="mdct-4x")
    with pytest.raises(ls.StudioError, match="shape"):
        mix.with_chunks(np.zeros(3))
    assert not np.asarray(mix.with_chunks(np.zeros_like(mix.chunks)).decode()).any()


def test_mono_latents_are_added_to_both_sides(song: ls.Session) -> None:
    mono, stereo = song.latents(), song.set_track("bass", pan=1.0).latents()
    both = mono + stereo
    assert both.shape == stereo.shape
    np.testing.assert_allclose(both.values, mono.values + stereo.values, atol=1e-5)
    assert both.decode().channels == 2


def test_latents_are_summed_about_silence_if_it_is_not_zero(song: ls.Session) -> None:
    """As an affine encoder's must be: of the two terms, one constant is left."""
    mix = song.latents()
    origin = np.full(mix.chunks.shape[2:], 2.0, np.float32)
    mix.__dict__["silence"] = origin
    shifted = mix.with_chunks(mix.chunks + origin)
    shifted.__dict__["silence"] = origin
    np.testing.assert_allclose((shifted + shifted).chunks, 2.0 * mix.chunks + origin, atol=1e-5)
    np.testing.assert_allclose((0.5 * shifted).chunks, 0.5 * mix.chunks + origin, atol=1e-5)
    np.testing.assert_allclose((shifted - shifted).chunks, origin + 0.0 * mix.chunks, atol=1e-5)


def test_latents_are_kept_in_files(song: ls.Session, tmp_path: Path) -> None:
    z = song.latents()
    for name in ("z.safetensors", "z.npz"):
        again = ls.load_latents(z.save(tmp_path / name))
        np.testing.assert_array_equal(again, z)
        np.testing.assert_array_equal(again.decode(), z.decode())


def test_a_session_is_saved_and_opened_as_project_and_bundle(song: ls.Session, tmp_path: Path) -> None:
    song = song.set_track("drums", gain=0.5)
    project = song.save(tmp_path / "song.lincae")
    assert ls.open(project) == song
    assert project_files.load(project) == song.document
    bundle = ls.open(song.save(tmp_path / "song.lincaez"))
    np.testing.assert_allclose(bundle.render(), song.render(), atol=2e-3)
    assert bundle.render(content="dry").shape == song.render().shape


def test_an_export_is_the_render(song: ls.Session, tmp_path: Path) -> None:
    song.export(tmp_path / "mix.wav", span=(0.5, 1.0))
    np.testing.assert_array_equal(read_audio(tmp_path / "mix.wav"), song.render(span=(0.5, 1.0)))
    quiet = song.set_master(gain=0.25).render()
    quiet.save(tmp_path / "mix.flac")
    np.testing.assert_allclose(read_audio(tmp_path / "mix.flac"), quiet, atol=2**-23)


def test_audio_files_of_a_session_are_never_replaced(song: ls.Session, drums: Path) -> None:
    before = drums.read_bytes()
    for write in (song.export, song["bass"].export):
        with pytest.raises(ls.StudioError, match="one of the inputs"):
            write(drums)
    with pytest.raises(ls.StudioError, match=r"not a name for a project.*\.lincaez"):
        song.save(drums)
    assert drums.read_bytes() == before


def test_a_stem_is_taken_out_of_a_mix(song: ls.Session, tmp_path: Path) -> None:
    song.set_track("drums", gain=0.5).export(tmp_path / "mix.wav", content="dry")
    [stem] = song["drums"].clips
    both = ls.Session.from_files(tmp_path / "mix.wav", codec="mdct-1x").add_stems(stem.file, start=0.01)
    match = both.find_stem("drums", max_lag=0.1)
    assert match.lag.samples == -441
    assert match.gain == pytest.approx(0.5, rel=1e-3)
    rest = both.take_out("drums", max_lag=0.1)
    assert rest["drums"].subtract
    error = np.asarray(rest.render(span=(0.0, 2.9))) - song["bass"].render(span=(0.0, 2.9), content="dry")
    assert np.sqrt(np.mean(error**2)) < 1e-3
    silent = both.set_clip(both["drums"].clips[0], mute=True)
    with pytest.raises(ls.StudioError, match="no audible clip"):
        silent.take_out("drums")
    other = write_audio(tmp_path / "other.wav", noise(9, 3 * RATE))
    with pytest.raises(ls.StudioError, match="not found in the mix"):
        both.remove_tracks("drums").add_stems(other).take_out("other", max_lag=0.1)


def test_figures_of_an_exact_codec_are_perfect(song: ls.Session) -> None:
    found = song.linearity(codec="mdct-1x")
    assert len(found) == len(found.starts) == 2
    assert set(found.tracks) == {"drums", "bass"}
    assert np.nanmax(found.residual_db) < -100.0
    assert np.nanmax(found.sum_db) < -100.0
    assert np.isnan(found.floor_db).all()
    part = song.linearity(span=(2.5, 3.0))
    assert part.starts.tolist() == found.starts[1:].tolist()


def test_codecs_are_measured_with_the_tracks(song: ls.Session) -> None:
    found = song.evaluate("mdct-1x", "mdct-4x", limit=1)
    assert list(found.figures) == ["mdct-1x", "mdct-4x"]
    assert found.figures["mdct-1x"]["snr_db"] > 100.0 > found.figures["mdct-4x"]["snr_db"]
    assert found.measured["mdct-1x"].windows == 2
    with pytest.raises(ls.StudioError, match="nothing to measure"):
        song.set_track("drums", mute=True).set_track("bass", mute=True).evaluate()


def test_sessions_are_compared_by_their_documents(song: ls.Session) -> None:
    assert song == song.set_track("bass", mute=False)
    assert hash(song) == hash(song.set_track("bass", mute=False))
    assert song != song.set_track("bass", mute=True)


def test_files_of_another_rate_are_converted(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", tone(440.0, 16_000, 16_000), 16_000)
    song = ls.Session.from_files(path, rate=48_000)
    assert (song.rate, song.duration) == (48_000, 1.0)
    assert song.render().shape == (1, 48_000)
    with pytest.raises(ls.StudioError, match="96,000 Hz"):
        ls.Session(rate=96_000)  # type: ignore[arg-type]
