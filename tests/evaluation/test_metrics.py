"""The metrics are those of torchmetrics and auraloss, which need more than this package does to run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from auraloss.freq import MultiResolutionSTFTLoss
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio, signal_noise_ratio

from lincae_studio.evaluation.metrics import STFT_SIZES, mel_distance, mr_stft, mr_stft_auraloss, si_sdr, snr

RATE = 44_100


@pytest.fixture(params=[0.01, 0.3, 3.0])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    reference = 0.1 * rng.standard_normal(RATE)
    return 0.7 * reference + request.param * 0.1 * rng.standard_normal(RATE), reference


def test_ratios_equal_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    estimate, reference = (torch.from_numpy(signal) for signal in pair)
    assert snr(*pair) == pytest.approx(float(signal_noise_ratio(estimate, reference)), rel=1e-6)
    theirs = scale_invariant_signal_distortion_ratio(estimate, reference)
    assert si_sdr(*pair) == pytest.approx(float(theirs), rel=1e-6)


def test_mr_stft_equals_auraloss_but_for_its_padded_edges(pair: tuple[np.ndarray, np.ndarray]) -> None:
    theirs = MultiResolutionSTFTLoss(
        fft_sizes=list(STFT_SIZES),
        hop_sizes=[size // 4 for size in STFT_SIZES],
        win_lengths=list(STFT_SIZES),
    )
    estimate, reference = (torch.from_numpy(signal)[None, None] for signal in pair)
    assert mr_stft(*pair) == pytest.approx(float(theirs(estimate, reference)), rel=0.01)


def test_the_authors_mr_stft_is_that_of_auraloss_with_its_default_windows(pair: tuple[np.ndarray, np.ndarray]) -> None:
    estimate, reference = (torch.from_numpy(signal[:8000])[None, None] for signal in pair)
    theirs = MultiResolutionSTFTLoss()(estimate, reference)
    assert mr_stft_auraloss(pair[0][:8000], pair[1][:8000]) == pytest.approx(float(theirs), rel=1e-5)


def test_silence_is_never_good(pair: tuple[np.ndarray, np.ndarray]) -> None:
    signal, silence = pair[1][:8000], np.zeros(8000)
    assert si_sdr(silence, signal) == si_sdr(signal, silence) == si_sdr(silence, silence) == -math.inf
    assert snr(silence, signal) == 0.0
    assert snr(signal, silence) == -math.inf
    undefined = [metric(silence, silence) for metric in (snr, mr_stft, mr_stft_auraloss)]
    assert all(math.isnan(value) for value in undefined)
    assert 20.0 < mel_distance(signal, silence, RATE) < 200.0
