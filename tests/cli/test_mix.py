"""`lincae-studio mix`, `render` and `codecs`: what they write and print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from lincae_studio import __version__
from lincae_studio.cli import run
from lincae_studio.cli.inputs import parse_group
from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.errors import UsageError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, snapshots
from lincae_studio.session.model import Session
from tests.codecs.lincae.models import small_model, tiny_model
from tests.helpers import DEMO, files_below, import_audio, noise, read_audio, session_of, si_sdr_db, tone, write_audio

KEYS = {
    "output",
    "codec",
    "sample_rate",
    "channels",
    "length_samples",
    "duration_s",
    "peak_dbfs",
    "clipped_samples",
    "encodes",
    "decodes",
    "render_s",
    "x_realtime",
    "gain_db",
    "not_normalized",
    "loudness_lufs",
    "true_peak_dbtp",
    "reduction_db",
    "missed_db",
    "shortfall",
    "limiter_helps",
    "files",
    "latents",
    "averaging",
}


def lincae(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command line that must succeed; returns what it printed."""
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert "error" not in captured.err
    return captured.out


def figures(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(lincae(capsys, *arguments, "--json"))
    assert result.keys() == KEYS
    return result


def test_the_command_itself_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "lincae_studio", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"LinCAE Studio {__version__}\n"
    assert done.stderr == ""


def test_codecs_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    table = lincae(capsys, "codecs", "list")
    rows = json.loads(lincae(capsys, "codecs", "list", "--json"))
    here = [row for row in rows if row["installed"]]
    assert [row["id"] for row in here] == [info.id for info in registry.all_info()]
    assert [row["id"] for row in rows if not row["installed"]] == [download.id for download in registry.downloads()]
    for row, info in zip(here, registry.all_info(), strict=True):
        assert (row["hop"], row["dim"], row["compression"]) == (info.hop, info.dim, info.compression)
        assert info.id in table


def test_a_mix_is_the_sum_of_its_files_at_their_gains_and_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = noise(1, 50_000), noise(2, 30_000)
    write_audio(tmp_path / "one.wav", one)
    write_audio(tmp_path / "two.flac", two, subtype="PCM_24")
    out = tmp_path / "mix.wav"
    result = figures(
        capsys, "mix", f"{tmp_path}/one.wav:-6", f"{tmp_path}/two.flac:+3.5dB@1.25s", "-o", out, "--codec", "mdct-1x"
    )
    start = round(1.25 * 44_100)
    expected = np.zeros(start + 30_000)
    expected[:50_000] += 10 ** (-6 / 20) * one[:, 0]
    expected[start:] += 10 ** (3.5 / 20) * two[:, 0]
    mix = read_audio(out)
    assert mix.shape == (1, len(expected))
    assert np.abs(mix[0] - expected).max() < 1e-4
    assert (result["channels"], result["length_samples"], result["codec"]) == (1, len(expected), "mdct-1x")
    assert result["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(mix).max()), abs=1e-3)
    assert result["duration_s"] == pytest.approx(len(expected) / 44_100)
    assert result["encodes"] > 0


def test_one_stereo_file_makes_the_mix_stereo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mono, stereo = noise(1, 20_000), noise(2, 25_000, 2)
    write_audio(tmp_path / "mono.wav", mono)
    write_audio(tmp_path / "stereo.wav", stereo)
    out = tmp_path / "mix.wav"
    lincae(capsys, "mix", tmp_path / "mono.wav", tmp_path / "stereo.wav", "-o", out, "--codec", "mdct-1x")
    expected = stereo.T.copy()
    expected[:, :20_000] += mono.T
    assert read_audio(out).shape == (2, 25_000)
    assert np.abs(read_audio(out) - expected).max() < 1e-4


def test_a_file_at_minus_infinity_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "a.wav", noise(1, 5000))
    lincae(capsys, "mix", f"{tmp_path}/a.wav:-inf", "-o", tmp_path / "mix.wav")
    assert read_audio(tmp_path / "mix.wav").shape == (1, 5000)
    assert not read_audio(tmp_path / "mix.wav").any()


@pytest.mark.parametrize("name", ["a:3.wav", "kick@2.wav", "odd name:-6", "take@1.5", "a:b@c.wav", "sp ace.wav"])
def test_files_whose_names_look_like_gains_or_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    audio = noise(1, 5000)
    write_audio(tmp_path / "plain.wav", audio).rename(tmp_path / name)
    out = tmp_path / "mix.wav"
    lincae(capsys, "mix", tmp_path / name, "-o", out, "--codec", "mdct-1x")
    assert np.abs(read_audio(out)[0] - audio[:, 0]).max() < 1e-4
    lincae(capsys, "mix", f"{tmp_path / name}:-6@0.5", "-o", out, "--codec", "mdct-1x")
    mix = read_audio(out)[0]
    assert len(mix) == 22_050 + 5000
    assert np.abs(mix[22_050:] - 10 ** (-6 / 20) * audio[:, 0]).max() < 1e-4


@pytest.mark.parametrize(("bits", "subtype"), [("16", "PCM_16"), ("24", "PCM_24"), ("32f", "FLOAT"), ("32", "FLOAT")])
def test_bits_choose_the_sample_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bits: str, subtype: str
) -> None:
    audio = noise(1, 10_000)
    path = write_audio(tmp_path / "a.wav", audio)
    out = tmp_path / "mix.wav"
    lincae(capsys, "mix", path, "-o", out, "--bits", bits, "--codec", "mdct-1x")
    assert sf.info(out).subtype == subtype
    assert np.abs(read_audio(out)[0] - audio[:, 0]).max() < (2e-4 if bits == "16" else 1e-4)


def test_inputs_are_grouped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 30_000, 1, 0.1))) for seed in (1, 2, 3)]
    out = tmp_path / "mix.wav"
    lincae(capsys, "mix", *names, "-o", out, "--group", "Drums:-6=1,2", "--group", "All:+3=1,2,3")
    grouped = read_audio(out)
    lincae(capsys, "mix", f"{names[0]}:-3", f"{names[1]}:-3", f"{names[2]}:+3", "-o", out)
    np.testing.assert_allclose(grouped, read_audio(out), atol=1e-6)
    lincae(capsys, "mix", *names, "-o", out, "--write", "tracks", "--stems", "groups", "--group", "A=1,3")
    assert sorted(path.name for path in tmp_path.glob("mix - *")) == ["mix - 1 A.wav", "mix - 4 2.wav"]


@pytest.mark.parametrize(
    ("group", "said"),
    [("Drums", "not a group"), ("A=0", "no input 0"), ("A=4", "no input 4"), ("A:99=1", "above 24 dB")],
)
def test_groups_that_cannot_be_made(group: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_group(group, 3)


def test_clipping_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 10_000))
    said = lincae(capsys, "mix", f"{path}:+20", "-o", tmp_path / "mix.wav", "--bits", "16")
    assert "samples were clipped" in said
    assert figures(capsys, "mix", f"{path}:+20", "-o", tmp_path / "mix.wav", "--bits", "16")["clipped_samples"] > 0
    assert "clipped" not in lincae(capsys, "mix", f"{path}:+20", "-o", tmp_path / "mix.wav")


def test_the_default_codec_is_good_on_the_demo_song(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stems = sorted(DEMO.glob("*.ogg"))
    assert len(stems) == 6
    out = tmp_path / "mix.wav"
    result = figures(capsys, "mix", *stems, "-o", out)
    assert (result["codec"], result["channels"], result["sample_rate"]) == ("mdct-2x", 2, 44_100)
    expected = np.zeros((2, result["length_samples"]), np.float32)
    for stem in stems:
        expected += read_audio(stem)
    assert si_sdr_db(read_audio(out), expected) >= 19.0


def test_a_second_mix_encodes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_audio(tmp_path / "a.wav", noise(1, 50_000))
    save_own(small_model(), tmp_path / "model", title="Mine", linear=True)
    arguments = ("-o", tmp_path / "mix.wav", "--codec", tmp_path / "model")
    first = figures(capsys, "mix", path, *arguments)
    before = read_audio(tmp_path / "mix.wav")
    second = figures(capsys, "mix", path, *arguments)
    assert (first["encodes"] > 0, second["encodes"]) == (True, 0)
    assert np.array_equal(read_audio(tmp_path / "mix.wav"), before)
    assert figures(capsys, "mix", f"{path}:-6", *arguments)["encodes"] == 0


def saved_project(folder: Path, store: MediaStore) -> Path:
    media = store.import_file(write_audio(folder / "stems" / "a.wav", noise(1, 40_000)))
    session = edits.add_stems(edits.set_codec(Session(), "mdct-1x"), [media], 1000)
    session = edits.set_track_pan(edits.set_track_gain(session, 1, 0.5), 1, 1.0)
    files.save(session, folder / "song.lincae")
    return folder / "song.lincae"


def test_a_project_is_rendered_as_saved(tmp_path: Path, store: MediaStore, capsys: pytest.CaptureFixture[str]) -> None:
    project = saved_project(tmp_path, store)
    out = tmp_path / "mix.wav"
    result = figures(capsys, "render", project, "-o", out)
    assert result["codec"] == "mdct-1x"
    mix = read_audio(out)
    assert mix.shape == (2, 41_000)
    assert not mix[0].any()
    assert np.abs(mix[1, 1000:] - 0.5 * np.sqrt(2.0) * noise(1, 40_000)[:, 0]).max() < 1e-4
    assert figures(capsys, "render", project, "-o", out, "--codec", "mdct-4x")["codec"] == "mdct-4x"
    assert np.abs(read_audio(out) - mix).max() > 0.01


def test_a_moved_project_is_rendered_with_an_empty_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved_project(tmp_path / "here", MediaStore(tmp_path / "another cache"))
    (tmp_path / "here").rename(tmp_path / "there")
    lincae(capsys, "render", tmp_path / "there" / "song.lincae", "-o", tmp_path / "mix.wav")
    assert read_audio(tmp_path / "mix.wav").shape == (2, 41_000)


def test_nothing_but_the_output_and_the_cache_is_written(
    tmp_path: Path, isolated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_audio(tmp_path / "in" / "a.wav", noise(1, 5000))
    (tmp_path / "out").mkdir()
    lincae(capsys, "mix", path, "-o", tmp_path / "out" / "mix.wav")
    written = [found for found in files_below(tmp_path) if isolated / "cache" not in found.parents]
    assert written == [path, tmp_path / "out" / "mix.wav"]


def test_a_session_at_48_khz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of that rate are not resampled, starts are in seconds, and the output has the rate of the session."""
    samples = noise(1, 96_000, level=0.1)
    path, out = write_audio(tmp_path / "a.wav", samples, 48_000), tmp_path / "mix.wav"
    mix = ("mix", f"{path}:-6@0.5", "-o", out, "--codec", "mdct-1x")
    found = figures(capsys, *mix, "--session-rate", 48_000)
    assert (found["sample_rate"], found["duration_s"]) == (48_000, 2.5)
    audio = read_audio(out, 48_000)[0]
    assert np.abs(audio[24_000:] - samples[:, 0] * 10 ** (-6 / 20)).max() < 1e-4
    found = figures(capsys, *mix, "--session-rate", 48_000, "--rate", 44_100)
    assert (found["sample_rate"], sf.info(out).samplerate) == (44_100, 44_100)
    latents = tmp_path / "a.safetensors"
    lincae(capsys, "encode", path, "-o", latents, "--session-rate", 48_000, "--codec", "mdct-1x")
    lincae(capsys, "decode", latents, "-o", tmp_path / "back.wav")
    assert np.abs(read_audio(tmp_path / "back.wav", 48_000)[0] - samples[:, 0]).max() < 1e-4
    assert run([str(part) for part in (*mix, "--session-rate", 96_000)]) == 2
    assert "--session-rate 96000 is not a valid choice" in capsys.readouterr().err


def test_decodes_are_averaged_and_what_they_gain_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_own(tiny_model(), tmp_path / "tiny", title="Tiny", linear=True)
    stem = write_audio(tmp_path / "a.wav", noise(1, 30_000))
    arguments = ("mix", stem, "-o", tmp_path / "out.wav", "--codec", tmp_path / "tiny")
    one = figures(capsys, *arguments)
    assert one["averaging"] is None
    mean = figures(capsys, *arguments, "--decodes", "3")
    assert mean["encodes"] == 0
    assert mean["decodes"] >= 2 * one["decodes"] > 0
    gain = mean["averaging"]
    assert gain["gain_db"] == pytest.approx(gain["one_db"] - gain["mean_db"])
    assert gain["gain_db"] > 0.0
    assert gain["decodes"] == 3
    assert gain["text"] in lincae(capsys, *arguments, "--decodes", "3")
    assert run(["mix", str(stem), "-o", str(tmp_path / "x.wav"), "--decodes", "3"]) == 2
    assert "codec MDCT 2x does not decode from noise" in capsys.readouterr().err


def test_a_snapshot_is_recalled_by_its_name(
    tmp_path: Path, store: MediaStore, capsys: pytest.CaptureFixture[str]
) -> None:
    media = import_audio(store, tmp_path / "a.wav", tone(440.0, 44_100, level=0.5))
    session = snapshots.store(session_of(media), "Loud")
    session = edits.set_track_gain(session, session.tracks[0].id, 0.5)
    files.save(session, tmp_path / "song.lincae")
    for options, peak in (((), 0.25), (("--snapshot", "Loud"), 0.5)):
        assert run(["render", str(tmp_path / "song.lincae"), "-o", str(tmp_path / "out.wav"), *options]) == 0
        assert np.abs(read_audio(tmp_path / "out.wav")).max() == pytest.approx(peak, abs=0.01)
    capsys.readouterr()
    assert run(["render", str(tmp_path / "song.lincae"), "-o", str(tmp_path / "x.wav"), "--snapshot", "Quiet"]) == 2
    assert "there is no snapshot “Quiet”. Use one of these: Loud" in capsys.readouterr().err
    assert run(["info", str(tmp_path / "song.lincae"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["snapshots"] == ["Loud"]
