"""The figures, on codecs whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from auraloss.freq import MultiResolutionSTFTLoss

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.errors import MediaError, UsageError
from lincae_studio.evaluation.audio import Recordings, read_groups
from lincae_studio.evaluation.figures import FIGURES, against
from lincae_studio.evaluation.measuring import GAINS, evaluate, latent_figures
from lincae_studio.evaluation.metrics import LIMIT_DB
from tests.evaluation.codecs import FACTS, HOP, Frames, Ragged, Silent
from tests.helpers import DEMO, noise, write_audio


@pytest.fixture
def groups() -> Array:
    return noise(1, 3 * 2 * 4000)[:, 0].reshape(3, 2, 4000)


def test_a_linear_codec_is_exact(groups: Array) -> None:
    figures = evaluate(Frames(), groups).figures
    assert figures.keys() == FIGURES.keys()
    assert figures["encoder_homogeneity"] == figures["encoder_additivity"] == 0.0
    assert figures["snr_db"] == LIMIT_DB
    for name in against("truth"):
        assert figures[name] > 100.0 if name.endswith("r_db") else figures[name] < 1e-3
    assert figures["silence_norm"] == 0.0


def test_the_unreliable_ends_of_windows_are_left_out(groups: Array) -> None:
    result = evaluate(Ragged(), groups)
    for name in ("snr_db", "mix_snr_db", "scaled_snr_db", "rest_snr_db", "separability_db"):
        assert result.figures[name] > 100.0, name
    assert len(result.latents) == 6 * (250 - 2 * Ragged.CONTEXT)


def test_an_affine_codec_is_exact_about_its_origin_alone(groups: Array) -> None:
    figures = evaluate(Frames(offset=0.5), groups).figures
    assert figures["encoder_additivity"] < 1e-5
    assert figures["encoder_homogeneity"] < 1e-5
    assert figures["decoder_additivity_db"] > 100.0
    for name in ("mix_snr_db", "scaled_snr_db", "rest_snr_db"):
        assert figures[name] > 100.0, name
    # Plainly, z - sum z_i = -0.5 everywhere, relative to latents of 0.5 and noise of level 0.25 * sqrt(2).
    assert figures["encoder_additivity_plain"] == pytest.approx(0.5 / math.hypot(0.5, 0.25 * math.sqrt(2)), rel=0.02)
    assert figures["decoder_homogeneity_plain_db"] < 20.0
    assert figures["silence_norm"] > 0.5


def test_a_nonlinear_encoder_is_measured(groups: Array) -> None:
    straight, bent = (evaluate(Frames(bend=bend), groups).figures for bend in (0.1, 1.0))
    for name in ("encoder_homogeneity", "encoder_additivity"):
        assert 0.0 < straight[name] < bent[name]
    for name in ("snr_db", "mix_snr_db", "rest_snr_db", "separability_db"):
        assert straight[name] > bent[name]
    assert bent["decoder_homogeneity_db"] > 100.0  # the decoder is not bent


def test_decoding_twice_uses_the_same_noise(groups: Array) -> None:
    seen: set[tuple[int, int]] = set()

    class Watched(Frames):
        def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
            seen.update((frame, seed) for frame in first_frames)
            return super().decode(latents, first_frames=first_frames, seed=seed)

    evaluate(Watched(), groups)
    assert seen == {(0, 0)}


def test_a_decoder_that_is_silent_is_not_perfect(groups: Array) -> None:
    result = evaluate(Silent(), groups)
    figures, statistics = result.figures, result.measured.statistics()
    for name in ("si_sdr_db", "separability_db", "mix_si_sdr_db", "rest_si_sdr_db"):
        assert figures[name] == -LIMIT_DB, name
    for name in ("decoder_additivity_db", "decoder_homogeneity_db", "reference_decoder_additivity"):
        assert math.isnan(figures[name]), name
        assert statistics[name].undefined > 0
    assert result.plain()["decoder_additivity_db"] is None


def test_an_encoder_that_is_constant_is_not_perfect(groups: Array) -> None:
    class Constant(Frames):
        def encode(self, audio: Array) -> Array:
            return np.full((len(audio), HOP, audio.shape[1] // HOP), 0.5, np.float32)

    figures = evaluate(Constant(offset=0.5), groups).figures
    assert math.isnan(figures["encoder_additivity"])
    assert math.isnan(figures["encoder_homogeneity"])


def test_the_authors_figures_are_theirs(groups: Array) -> None:
    """With a bent, affine encoder, whose figures all differ from ours."""
    codec = Frames(offset=0.1, bend=0.5)
    loss = MultiResolutionSTFTLoss()

    def distance(ours: Array, theirs: Array) -> float:
        return float(loss(torch.from_numpy(ours)[None], torch.from_numpy(theirs)[None]))

    def decoded(latents: Array) -> Array:
        return codec.decode(latents, first_frames=[0], seed=0)

    separation, additivity, reconstruction, homogeneity = [], [], [], []
    for first, second in groups:
        z1, z2, z = (codec.encode(one[None]) for one in (first, second, first + second))
        additivity.append(distance(decoded(z1 + z2), decoded(z)))
        separation += [distance(decoded(z - z1), second[None]), distance(decoded(z - z2), first[None])]
        reconstruction += [distance(decoded(z1), first[None]), distance(decoded(z2), second[None])]
        for latents, one in ((z1, first), (z2, second)):
            for gain in GAINS:
                target = gain * latents
                error = np.linalg.norm(codec.encode(np.float32(gain) * one[None]) - target)
                homogeneity.append(error / np.linalg.norm(target))
    figures = evaluate(codec, groups).figures
    assert figures["reference_decoder_additivity"] == pytest.approx(np.mean(additivity), rel=1e-4)
    assert figures["reference_separability"] == pytest.approx(np.mean(separation), rel=1e-4)
    assert figures["reference_mr_stft"] == pytest.approx(np.mean(reconstruction), rel=1e-4)
    assert figures["reference_encoder_homogeneity"] == pytest.approx(np.mean(homogeneity), rel=1e-4)
    assert figures["reference_silence_norm"] == pytest.approx(0.1 * math.sqrt(250), rel=1e-4)


def test_several_seeds_are_measured_with_their_own_noise(groups: Array) -> None:
    class Noisy(Frames):
        def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
            return super().decode(latents, first_frames=first_frames, seed=seed) + np.float32(0.01 * (seed + 1))

    result = evaluate(Noisy(), groups, seeds=(0, 1))
    first, second = (result.measured.statistics(seed)["snr_db"].mean for seed in (0, 1))
    assert first - second == pytest.approx(20.0 * math.log10(2.0), abs=0.01)
    assert result.figures["snr_db"] == pytest.approx((first + second) / 2)
    assert len(result.measured.rows()) == 2 * (6 + 3)


def test_effective_rank_counts_directions() -> None:
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 4)))[0]
    latents = (basis * [1.0, 1.0, 1.0, 0.0]).astype(np.float32)
    figures = latent_figures(latents, np.zeros((4, 1), np.float32))
    assert figures["effective_rank"] == pytest.approx(3.0)
    assert figures["scale_factor"] == pytest.approx(1.0 / latents.std())


def test_silent_windows_are_left_out(groups: Array) -> None:
    silent = groups.copy()
    silent[1] = 0.0
    silent[2, 0] = 0.0
    result = evaluate(Frames(), silent)
    assert len(result.latents) == 3 * 250
    assert all(not math.isnan(value) for value in result.figures.values())


def test_files_become_windows_that_mix_with_far_ones(tmp_path: Path) -> None:
    first = write_audio(tmp_path / "a.wav", noise(1, 12_500), 8_000)
    second = write_audio(tmp_path / "b.wav", noise(2, 9_000), 8_000)
    groups = read_groups(Recordings([first, second], stems=False), FACTS, limit=10)
    assert groups.shape == (5, 2, 4000)
    assert not any(np.array_equal(group[0], group[1]) for group in groups)
    assert len(read_groups(Recordings([first, second], stems=False), FACTS, limit=2)) == 2


def test_stems_stay_together(tmp_path: Path) -> None:
    paths = [write_audio(tmp_path / f"{seed}.wav", noise(seed, 8_000 + seed), 8_000) for seed in (1, 2, 3)]
    groups = read_groups(Recordings(paths, stems=True), FACTS, limit=10)
    assert groups.shape == (2, 3, 4000)
    np.testing.assert_array_equal(groups[1, 2], noise(3, 8_003)[4000:8000, 0])
    with pytest.raises(UsageError, match="two files"):
        read_groups(Recordings(paths[:1], stems=True), FACTS, limit=10)


def test_the_stems_of_each_folder_are_a_song(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    first = [write_audio(tmp_path / "first" / f"{seed}.wav", noise(seed, 8_000), 8_000) for seed in (1, 2, 3)]
    second = [write_audio(tmp_path / "second" / f"{seed}.wav", noise(seed, 4_000), 8_000) for seed in (4, 5)]
    groups = read_groups(Recordings([second[0], *first, second[1]], stems=True), FACTS, limit=10)
    assert groups.shape == (3, 3, 4000)
    np.testing.assert_array_equal(groups[0, 1], noise(5, 4_000)[:, 0])
    assert not groups[0, 2].any()
    np.testing.assert_array_equal(groups[2, 2], noise(3, 8_000)[4000:, 0])
    with pytest.raises(UsageError, match="two files of a song"):
        Recordings([*first, second[0]], stems=True)


def test_audio_that_cannot_be_measured_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="one window"):
        read_groups(Recordings([write_audio(tmp_path / "a.wav", noise(1, 1_000), 8_000)], stems=False), FACTS, limit=10)
    silence = write_audio(tmp_path / "b.wav", np.zeros(9_000, np.float32), 8_000)
    with pytest.raises(MediaError, match="silent"):
        read_groups(Recordings([silence], stems=False), FACTS, limit=10)
    with pytest.raises(MediaError, match="no such file"):
        read_groups(Recordings([tmp_path / "nowhere.wav"], stems=False), FACTS, limit=10)


@pytest.mark.slow
def test_the_built_in_codec_on_the_demo_song() -> None:
    codec = registry.load("mdct-4x")
    groups = read_groups(Recordings([DEMO / "bass.ogg", DEMO / "drums.ogg"], stems=True), codec.info, limit=2)
    figures = evaluate(codec, groups).figures
    assert figures["encoder_additivity"] < 1e-5
    assert figures["decoder_additivity_db"] > 100.0
    assert figures["mix_si_sdr_db"] > 10.0
