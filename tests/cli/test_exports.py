"""`render` with all its options, `info`, `bundle`, `unbundle`, `encode`, `decode`; for files and for whole folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from lincae_studio.cli import run
from lincae_studio.engine.bundles.store import BundleStore
from lincae_studio.engine.bundles.writer import open_bundle
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, groups, places
from lincae_studio.session.model import Session
from tests.cli.test_mix import lincae
from tests.helpers import DEMO, files_below, noise, read_audio, si_sdr_db, tone, write_audio


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(lincae(capsys, *arguments, "--json"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.fixture
def project(tmp_path: Path, store: MediaStore) -> Path:
    """Two tracks, a loop from 0.5 to 1 s; some two seconds."""
    folder = tmp_path / "music"
    drums = store.import_file(write_audio(folder / "stems" / "drums.wav", noise(1, 80_000, 2, 0.1)))
    bass = store.import_file(write_audio(folder / "stems" / "bass.wav", tone(110.0, 90_000, level=0.2)))
    session = places.set_loop(edits.add_stems(Session(seed=3), [drums, bass], 1000), 22_050, 44_100)
    files.save(edits.set_codec(session, "mdct-1x"), folder / "song.lincae")
    return folder / "song.lincae"


def test_formats_by_name_and_by_option(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lincae(capsys, "render", project, "-o", tmp_path / "mix.wav")
    mix = read_audio(tmp_path / "mix.wav")
    for name, options, kind in (
        ("a.flac", (), ("FLAC", "PCM_24", 44_100)),
        ("b.flac", ("--bits", "16"), ("FLAC", "PCM_16", 44_100)),
        ("c.ogg", ("--quality", "0.9"), ("OGG", "VORBIS", 44_100)),
        ("d.mp3", (), ("MP3", "MPEG_LAYER_III", 44_100)),
        ("e.wav", ("--rate", "48000", "--bits", "24"), ("WAV", "PCM_24", 48_000)),
    ):
        lincae(capsys, "render", project, "-o", tmp_path / name, *options)
        info = sf.info(tmp_path / name)
        assert (info.format, info.subtype, info.samplerate) == kind
    assert np.abs(read_audio(tmp_path / "a.flac") - mix).max() < 1e-6
    assert sf.info(tmp_path / "e.wav").frames == pytest.approx(mix.shape[1] * 48_000 / 44_100, abs=1)


def test_stems_dry_mix_difference_and_latents(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "song.wav"
    out.parent.mkdir()
    found = printed(capsys, "render", project, "-o", out, "--write", "mix,dry,difference,tracks,latents")
    names = ["song.wav", "song (dry).wav", "song (difference).wav", "song - 1 drums.wav", "song - 2 bass.wav"]
    assert [Path(row["output"]).name for row in found["files"]] == names
    assert found["latents"] == [str(tmp_path / "out" / "song latents.safetensors")]
    assert sorted(path.name for path in files_below(out.parent)) == sorted([*names, "song latents.safetensors"])
    mix, dry, less, drums, bass = (read_audio(out.parent / name) for name in names)
    np.testing.assert_allclose(mix - dry, less, atol=1e-6)
    np.testing.assert_allclose(drums + bass, mix, atol=1e-4)
    said = lincae(capsys, "render", project, "-o", out, "--write", "mix,tracks")
    assert "3 files, " in said
    assert printed(capsys, "decode", found["latents"][0], "-o", tmp_path / "back.wav")["length_samples"] == mix.shape[1]
    np.testing.assert_allclose(read_audio(tmp_path / "back.wav"), mix, atol=1e-6)


def test_the_master_is_in_everything_that_is_written(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quieter = project.with_name("quieter.lincae")
    files.save(edits.set_master_gain(files.load(project), 0.25), quieter)
    everything = ("--write", "mix,dry,difference,tracks,latents")
    for path in (project, quieter):
        (tmp_path / path.stem).mkdir()
        lincae(capsys, "render", path, "-o", tmp_path / path.stem / "out.wav", *everything)
        lincae(capsys, "decode", tmp_path / path.stem / "out latents.safetensors", "-o", tmp_path / path.stem / "z.wav")
    names = [path.name for path in (tmp_path / "song").glob("*.wav")]
    assert len(names) == 6
    for name in names:
        before, after = read_audio(tmp_path / "song" / name), read_audio(tmp_path / "quieter" / name)
        np.testing.assert_allclose(after, 0.25 * before, atol=1e-6, err_msg=name)
    lincae(capsys, "export-dawproject", quieter, "-o", tmp_path / "song.dawproject")
    lincae(capsys, "import-dawproject", tmp_path / "song.dawproject", "-o", tmp_path / "back")
    assert files.load(tmp_path / "back" / "song.lincae").master.gain == 0.25
    lincae(capsys, "bundle", quieter, "-o", tmp_path / "song.lincaez")
    shutil.rmtree(project.parent)
    lincae(capsys, "render", tmp_path / "song.lincaez", "-o", tmp_path / "again.wav")
    assert si_sdr_db(read_audio(tmp_path / "again.wav"), read_audio(tmp_path / "quieter" / "out.wav")) > 60.0


def test_spans_levels_and_tags(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.wav"
    lincae(capsys, "render", project, "-o", out)
    mix = read_audio(out)
    lincae(capsys, "render", project, "-o", out, "--span", "loop", "--tail", "0.25")
    np.testing.assert_allclose(read_audio(out), mix[:, 22_050 : 44_100 + 11_025], atol=1e-6)
    lincae(capsys, "render", project, "-o", out, "--span", "0.5:0.75", "--title", "Part", "--artist", "Band")
    np.testing.assert_allclose(read_audio(out), mix[:, 22_050:33_075], atol=1e-6)
    with sf.SoundFile(out) as file:
        assert (file.title, file.artist) == ("Part", "Band")
        assert "seed 3" in file.comment
    found = printed(capsys, "render", project, "-o", out, "--normalize", "peak", "--target", "-6", "--true-peak", "0")
    assert found["peak_dbfs"] == pytest.approx(-6.0, abs=0.01)
    assert found["gain_db"] == pytest.approx(-6.0 - 20 * np.log10(np.abs(mix).max()), abs=0.01)
    assert "level changed by" in lincae(capsys, "render", project, "-o", out, "--preset", "Mix for streaming, -14 LUFS")
    assert sf.info(out).subtype == "PCM_24"
    lincae(capsys, "render", project, "-o", out, "--channels", "mono")
    np.testing.assert_allclose(read_audio(out), mix.mean(axis=0, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--format", "aac"], "Choose from wav, flac, ogg, mp3"),
        (["--bits", "12"], "Choose from 16, 24, 32f"),
        (["--rate", "44000"], "44100, 48000"),
        (["--write", "mix,noise"], "mix, dry, difference, tracks, latents"),
        (["--span", "5:1"], "not a range"),
        (["--span", "a:b"], "START:END"),
        (["--span", "verse"], "all, loop, selection"),
        (["--tail", "-1"], "--tail -1"),
        (["--normalize", "loud"], "none, peak, loudness"),
        (["--quality", "7"], "--quality 7"),
        (["--preset", "no"], "there is no preset"),
        (["--channels", "3"], "mix, mono, stereo"),
        (["--latents", "pickle"], "safetensors, npz"),
        (["--format", "mp3", "--rate", "96000"], "MP3 does not support 96000 Hz"),
        (["--format", "flac", "--bits", "32f"], "FLAC supports 24 or 16 bits"),
        (["--span", "selection"], "nothing is selected"),
    ],
)
def test_options_that_cannot_be(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    assert reason in refused(capsys, "render", project, "-o", tmp_path / "out.wav", *options)
    assert not (tmp_path / "out.wav").exists()


def test_no_stem_replaces_an_input(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stem = project.parent / "stems" / "drums.wav"
    stem.rename(stem.with_name("x - 1 drums.wav"))
    project.write_text(project.read_text().replace("stems/drums.wav", "stems/x - 1 drums.wav"))
    before = stem.with_name("x - 1 drums.wav").read_bytes()
    said = refused(capsys, "render", project, "-o", project.parent / "stems" / "x.wav", "--write", "mix,tracks")
    assert "is one of the inputs" in said
    assert stem.with_name("x - 1 drums.wav").read_bytes() == before


def test_a_folder_of_projects(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(project, project.with_name("second.lincae"))
    project.with_name("broken.lincae").write_text("{")
    out = tmp_path / "out"
    assert run(["render", str(project.parent), "-o", str(out), "--format", "flac", "--json"]) == 2
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert [Path(row["input"]).name for row in rows] == ["broken.lincae", "second.lincae", "song.lincae"]
    assert "not a LinCAE Studio project" in rows[0]["error"]
    assert "broken.lincae" in captured.err
    assert sorted(path.name for path in files_below(out)) == ["second.flac", "song.flac"]
    project.with_name("broken.lincae").unlink()
    assert lincae(capsys, "render", project.parent, "-o", out).count("\n") == 2
    assert "is a folder" in refused(capsys, "render", project.parent, "-o", out / "song.flac")
    (tmp_path / "empty").mkdir()
    assert "nothing to do" in refused(capsys, "render", tmp_path / "empty", "-o", out)


def test_stems_of_groups(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = files.load(project)
    session = edits.add_clip(edits.add_track(session, "pad"), session.next_id, session.media[0], 0)
    session = groups.group_tracks(session, {track.id for track in session.tracks[1:]}, "Rest")
    group = session.tracks[1].id
    files.save(edits.set_track_pan(edits.set_track_gain(session, group, 0.5), group, -0.5), project)
    found = printed(capsys, "info", project)
    assert found["tracks"] == ["drums", "bass", "pad"]
    assert found["groups"] == [{"name": "Rest", "tracks": ["bass", "pad"]}]
    out = tmp_path / "out.wav"
    lincae(capsys, "render", project, "-o", out, "--write", "mix,tracks", "--stems", "groups")
    names = ["out - 1 drums.wav", "out - 2 Rest.wav"]
    assert sorted(path.name for path in tmp_path.glob("out - *")) == names
    np.testing.assert_allclose(sum(read_audio(tmp_path / name) for name in names), read_audio(out), atol=1e-4)


def test_an_output_folder_for_one_file(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    lincae(capsys, "render", project, "-o", out)
    assert files_below(out) == [out / "song.wav"]


def test_info_of_everything(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "info", project)
    assert (found["kind"], found["tracks"], found["clips"], found["seed"]) == ("project", ["drums", "bass"], 2, 3)
    assert [media["state"] for media in found["media"]] == ["here", "here"]
    assert found["length_samples"] == 91_000
    (project.parent / "stems" / "bass.wav").unlink()
    assert [media["state"] for media in printed(capsys, "info", project)["media"]] == ["here", "missing"]
    assert "state missing" in lincae(capsys, "info", project)
    audio = printed(capsys, "info", project.parent / "stems" / "drums.wav")
    assert (audio["kind"], audio["channels"], audio["length_samples"]) == ("audio", 2, 80_000)
    lincae(capsys, "encode", project.parent / "stems" / "drums.wav", "-o", tmp_path / "a.npz", "--codec", "mdct-4x")
    latents = printed(capsys, "info", tmp_path / "a.npz")
    assert (latents["kind"], latents["codec"], latents["length_samples"]) == ("latents", "mdct-4x", 80_000)
    assert json.loads(lincae(capsys, "info", "--schema")) == json.loads(json.dumps(files.schema()))
    assert "no file was given" in refused(capsys, "info")
    assert "no such file" in refused(capsys, "info", tmp_path / "none.lincae")


def test_a_bundle_travels_without_audio(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lincae(capsys, "render", project, "-o", tmp_path / "mix.wav")
    path = tmp_path / "song.lincaez"
    found = printed(capsys, "bundle", project, "-o", path)
    assert found["bytes"] == path.stat().st_size
    assert found["pcm24_bytes"] == (80_000 * 2 + 90_000) * 3
    assert found["ratio"] == pytest.approx(found["pcm24_bytes"] / found["bytes"])
    assert "of 24-bit PCM" in lincae(capsys, "bundle", project, "-o", path)
    shutil.rmtree(project.parent)
    shutil.rmtree(tmp_path / "user" / "cache")
    info = printed(capsys, "info", path)
    assert (info["kind"], info["latents_codec"]) == ("bundle", "mdct-1x")
    assert {media["state"] for media in info["media"]} == {"latents"}
    result = printed(capsys, "render", path, "-o", tmp_path / "again.wav")
    assert result["encodes"] == 0
    assert si_sdr_db(read_audio(tmp_path / "again.wav"), read_audio(tmp_path / "mix.wav")) > 60.0
    assert printed(capsys, "render", path, "-o", tmp_path / "dry.wav", "--write", "dry")["peak_dbfs"] > -30.0
    lincae(capsys, "unbundle", path, "-o", tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / "song.lincae"
    assert sorted(file.name for file in files_below(tmp_path / "unpacked" / "song audio")) == ["bass.wav", "drums.wav"]
    assert all(media.original is None for media in files.load(unpacked).media)
    path.unlink()
    lincae(capsys, "render", unpacked, "-o", tmp_path / "third.wav")
    assert si_sdr_db(read_audio(tmp_path / "third.wav"), read_audio(tmp_path / "mix.wav")) > 50.0
    shutil.copy(unpacked, tmp_path / "x.lincae")


def test_unbundling_replaces_nothing(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lincae(capsys, "bundle", project, "-o", tmp_path / "song.lincaez")
    before = project.read_bytes()
    assert "exists" in refused(capsys, "unbundle", tmp_path / "song.lincaez", "-o", project.parent)
    assert project.read_bytes() == before
    assert "not a name for a bundle" in refused(capsys, "bundle", project, "-o", tmp_path / "song.zip")
    assert "is not a bundle" in refused(capsys, "unbundle", project, "-o", tmp_path / "x")


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_audio_to_latents_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 100_000, 2, 0.1))
    latents, back = tmp_path / f"a.{kind}", tmp_path / "back.flac"
    found = printed(capsys, "encode", path, "-o", latents, "--codec", "mdct-1x")
    assert found["shape"][1:3] == [2, 256]
    assert found["bytes"] == latents.stat().st_size
    lincae(capsys, "decode", latents, "-o", back)
    assert si_sdr_db(read_audio(back), read_audio(path)) > 60.0
    assert "one of the inputs" in refused(capsys, "decode", latents, "-o", latents)
    assert "cannot tell the format" in refused(capsys, "encode", path, "-o", tmp_path / "a.bin")
    write_audio(tmp_path / "b.wav", noise(1, 9)).rename(tmp_path / "b.npz")
    assert "not a file of latents" in refused(capsys, "decode", tmp_path / "b.npz", "-o", back)


@pytest.mark.slow
def test_folders_of_audio_and_latents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latents, audio = tmp_path / "latents", tmp_path / "audio"
    rows = printed(capsys, "encode", DEMO, "-o", latents)
    assert len(rows) == 6
    assert sorted(path.name for path in files_below(latents))[0] == "bass.safetensors"
    lincae(capsys, "encode", DEMO, "-o", latents, "--latents", "npz")
    assert len(files_below(latents)) == 12
    assert "would have the same output" in refused(capsys, "decode", latents, "-o", audio)
    for path in latents.glob("*.npz"):
        path.unlink()
    lincae(capsys, "decode", latents, "-o", audio, "--format", "ogg")
    assert len(files_below(audio)) == 6
    assert "not a valid choice" in refused(capsys, "encode", DEMO, "-o", latents, "--latents", "pickle")


def test_a_bundle_of_an_edited_bundle(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Latents missing from the first bundle are made from its decoded audio."""
    lincae(capsys, "bundle", project, "-o", tmp_path / "song.lincaez")
    shutil.rmtree(tmp_path / "user" / "cache")
    store = BundleStore(tmp_path / "bundles")
    opened = open_bundle(tmp_path / "song.lincaez", store)
    files.save(edits.move_clips(opened, {2}, 777), tmp_path / "edited.lincae")
    lincae(capsys, "bundle", tmp_path / "edited.lincae", "-o", tmp_path / "second.lincaez")
    assert printed(capsys, "render", tmp_path / "second.lincaez", "-o", tmp_path / "mix.wav")["encodes"] == 0
    assert "this session plays latents from" in refused(
        capsys, "bundle", tmp_path / "edited.lincae", "-o", tmp_path / "song.lincaez"
    )


def test_nothing_that_is_heard_is_nothing_to_write(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = files.load(project)
    for track in session.tracks:
        session = edits.set_track_mute(session, track.id, True)
    files.save(session, project)
    assert "no track can be heard" in refused(capsys, "render", project, "-o", tmp_path / "x.wav", "--write", "tracks")
    lincae(capsys, "render", project, "-o", tmp_path / "x.wav", "--write", "tracks", "--stems", "all")
    assert len(files_below(project.parent)) == 3


def test_latents_alone_have_the_name_that_was_given(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lincae(capsys, "render", project, "-o", tmp_path / "z.npz", "--write", "latents")
    assert printed(capsys, "info", tmp_path / "z.npz")["kind"] == "latents"
    audio = project.parent / "stems" / "drums.wav"
    said = refused(capsys, "encode", audio, "-o", tmp_path / "y.safetensors", "--latents", "npz")
    assert "does not match --latents npz" in said


def test_names_do_not_control_the_terminal(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = project.with_name("so\x1b[2Jng.lincae")
    project.rename(odd)
    said = lincae(capsys, "bundle", odd, "-o", tmp_path / "so\x1b[2Jng.lincaez")
    assert "\x1b" not in said
    assert "\\x1b" in said


def test_a_preset_with_another_level(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preset = ("--preset", "Mix for streaming, -14 LUFS", "--normalize", "peak", "--true-peak", "0")
    found = printed(capsys, "render", project, "-o", tmp_path / "x.wav", *preset)
    assert found["peak_dbfs"] == pytest.approx(-1.0, abs=0.01)


def test_opened_bundles_count_and_are_cleared(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lincae(capsys, "bundle", project, "-o", tmp_path / "song.lincaez")
    lincae(capsys, "info", tmp_path / "song.lincaez")
    found = printed(capsys, "cache", "info")
    assert found["bundles"] == 1
    assert found["bundles_bytes"] > 100_000
    lincae(capsys, "cache", "clear")
    assert printed(capsys, "cache", "info")["bundles"] == 0


def test_a_dawproject_there_and_back(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lincae(capsys, "render", project, "-o", tmp_path / "before.wav")
    found = printed(capsys, "export-dawproject", project, "-o", tmp_path / "song.dawproject")
    assert (found["tracks"], found["clips"], found["files"]) == (2, 2, 2)
    assert any("loop" in note for note in found["notes"])
    said = lincae(capsys, "import-dawproject", tmp_path / "song.dawproject", "-o", tmp_path / "back")
    assert "2 tracks, 2 clips" in said
    lincae(capsys, "render", tmp_path / "back" / "song.lincae", "-o", tmp_path / "after.wav", "--codec", "mdct-1x")
    np.testing.assert_allclose(read_audio(tmp_path / "after.wav"), read_audio(tmp_path / "before.wav"), atol=1e-5)
    assert "exists" in refused(capsys, "import-dawproject", tmp_path / "song.dawproject", "-o", tmp_path / "back")


def test_a_bundle_becomes_a_dawproject(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lincae(capsys, "bundle", project, "-o", tmp_path / "song.lincaez")
    lincae(capsys, "render", project, "-o", tmp_path / "before.wav")
    shutil.rmtree(project.parent)
    shutil.rmtree(tmp_path / "user" / "cache")
    lincae(capsys, "export-dawproject", tmp_path / "song.lincaez", "-o", tmp_path / "song.dawproject")
    lincae(capsys, "import-dawproject", tmp_path / "song.dawproject", "-o", tmp_path / "back")
    lincae(capsys, "render", tmp_path / "back" / "song.lincae", "-o", tmp_path / "after.wav", "--codec", "mdct-1x")
    assert si_sdr_db(read_audio(tmp_path / "after.wav"), read_audio(tmp_path / "before.wav")) > 50.0
