"""Sessions with autoencoders of diffusers, from the command line: mixed, rendered, exported, bundled, measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soxr

from lincae_studio.cli import run
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import DEVICE_VARIABLE, PRECISION_VARIABLE, Computation
from lincae_studio.codecs.resampled import at_rate
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from tests.codecs.diffusers.models import OPTIONS
from tests.codecs.hub import import_folder
from tests.helpers import (
    MemoryAudio,
    import_audio,
    made_up_media,
    new_renderer,
    noise,
    read_audio,
    render_plan,
    session_of,
    write_audio,
)

#: Long enough for two chunks of most of them.
SECONDS = 5

EXACT = Computation("cpu", "fp32")


@pytest.fixture(autouse=True)
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRECISION_VARIABLE, "fp32")
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")


@pytest.mark.parametrize("name", OPTIONS)
def test_a_session_is_mixed_rendered_exported_and_bundled(
    folders: dict[str, Path], name: str, tmp_path: Path, store: MediaStore, capsys: pytest.CaptureFixture[str]
) -> None:
    import_folder(folders[name], "mine")
    stems = [import_audio(store, tmp_path / f"{seed}.wav", noise(seed, SECONDS * 44_100)) for seed in (1, 2)]
    project = tmp_path / "song.lincae"
    files.save(session_of(*stems, codec="mine"), project)
    mixed, rendered = tmp_path / "mixed.wav", tmp_path / "rendered.wav"
    paths = [stem.path for stem in stems]
    assert run(["mix", *paths, "--codec", "mine", "-o", str(mixed), "--bits", "32f"]) == 0, capsys.readouterr()
    assert run(["render", str(project), "-o", str(rendered), "--bits", "32f"]) == 0, capsys.readouterr()
    mix, render = read_audio(mixed), read_audio(rendered)
    assert mix.shape[1] == SECONDS * 44_100
    assert np.abs(mix).max() > 0.0
    assert np.array_equal(mix, render)

    bundle, decoded = tmp_path / "song.lincaez", tmp_path / "decoded.wav"
    assert run(["bundle", str(project), "-o", str(bundle)]) == 0, capsys.readouterr()
    assert run(["render", str(bundle), "-o", str(decoded), "--bits", "32f"]) == 0, capsys.readouterr()
    # Latents in a bundle have 16 bits, whose rounding the random weights amplify.
    error = np.linalg.norm(read_audio(decoded) - render) / np.linalg.norm(render)
    assert error < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stable-audio", "kvae", "same"])
def test_evaluate_measures_it_by_the_path_of_its_folder(
    folders: dict[str, Path], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stems = [str(write_audio(tmp_path / f"{seed}.wav", noise(seed, 9 * 44_100)[:, 0])) for seed in (1, 2)]
    assert run(["evaluate", str(folders[name]), *stems, "--stems", "--limit", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["about"]["sample_rate"] == registry.info(str(folders[name])).sample_rate
    for measured in ("si_sdr_db", "mix_si_sdr_db", "scaled_si_sdr_db", "rest_si_sdr_db", "encoder_additivity"):
        assert np.isfinite(figures[measured]), measured


def test_show_lists_what_is_known_without_loading_weights(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    import_folder(folders["ace-step"], "mine")
    assert run(["codecs", "show", "mine", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["sample_rate"], row["hop"], row["dim"], row["audio_channels"]) == (48_000, 1920, 4, 2)
    assert (row["class"], row["context"]) == ("AutoencoderOobleck", 16)
    assert run(["codecs", "list"]) == 0
    out = capsys.readouterr().out
    assert "stable-audio-open" in out
    assert "kvae-audio" in out


def test_a_codec_of_48_khz_in_a_session_of_44_khz_is_as_close_at_seams_as_elsewhere(folders: dict[str, Path]) -> None:
    """The reference is the codec on the whole signal, resampled as a whole both ways."""
    name = str(folders["ace-step"])
    codec = registry.load(name, EXACT)
    adapted = at_rate(codec, 44_100)
    info, grid = adapted.info, Grid.of(adapted.info)
    assert (info.hop, codec.info.hop) == (1764, 1920)
    length = 3 * grid.step_samples
    media = made_up_media(1, length)
    audio = MemoryAudio.of(media)
    session = session_of(media, codec=name)
    mix = render_plan(make_plan(session, info), new_renderer(audio, load=lambda *_: adapted))[0, :length]

    before = 40 * info.hop - info.window_extra // 2  # so that frames begin where those of the windows do
    after = -(before + length) % info.hop + 40 * info.hop
    padded = np.pad(audio.audio[media.digest][:, 0], (before, after))
    own = soxr.resample(padded, info.hop, codec.info.hop, quality="HQ").astype(np.float32)
    decoded = codec.decode(codec.encode(own[None]), first_frames=[0], seed=0)[0]
    reference = soxr.resample(decoded, codec.info.hop, info.hop, quality="HQ")[before : before + length]
    error = np.abs(mix - reference) / np.abs(reference).max()
    inside = np.zeros(length, bool)
    inside[info.hop : -info.hop] = True  # apart from the fades against clicks at the clip's ends
    seams = np.zeros(length, bool)
    for index in range(1, 3):
        seams[grid.valid(index)[0] - 200 : grid.valid(index - 1)[1] + 200] = True
    assert 0.0 < seams[inside].mean() < 0.2
    assert error[inside].max() < 1e-4
    assert error[seams & inside].max() <= max(error[~seams & inside].max(), 1e-5)
    split = edits.split_clips(session, [clip.id for clip in session.clips()], length // 2 + 77)
    again = render_plan(make_plan(split, info), new_renderer(audio, load=lambda *_: adapted))[0, :length]
    assert np.isfinite(again).all()
