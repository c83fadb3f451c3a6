"""Several codecs in one run: comparisons with the true signals cannot be gamed, and failures stop nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.errors import UsageError
from lincae_studio.evaluation.audio import Recordings, loudest_excerpt, read_groups
from lincae_studio.evaluation.comparison import Failed, Measured, compare
from lincae_studio.evaluation.figures import FIGURES, SECTIONS, against
from tests.evaluation.codecs import HOP, Failing, Faint, Frames, Numbered, Silent
from tests.helpers import noise, write_audio


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    """Three stems of two seconds."""
    paths = [write_audio(tmp_path / f"{seed}.wav", noise(seed, 16_000), 8_000) for seed in (1, 2, 3)]
    return Recordings(paths, stems=True)


def compared(recordings: Recordings, codecs: Mapping[str, Codec], seconds: float = 1.0) -> list[Measured | Failed]:
    def groups(info: CodecInfo) -> Array:
        return read_groups(recordings, info, limit=2)

    excerpt = loudest_excerpt(recordings, 8_000, seconds)
    return compare(list(codecs), codecs.__getitem__, groups, excerpt)


def figures(one: Measured | Failed) -> dict[str, float]:
    assert isinstance(one, Measured)
    return one.evaluation.figures


@pytest.mark.parametrize("gaming", [Silent(), Faint()])
def test_a_codec_that_is_only_additive_ranks_last_against_the_true_signals(
    recordings: Recordings, gaming: Codec
) -> None:
    codecs = {"gaming": gaming, "good": Frames(), "bent": Frames(bend=2.0)}
    worst, *others = (figures(one) for one in compared(recordings, codecs))
    for name in against("truth"):
        if "snr" in name:
            continue  # of silence: 0 dB, which a codec that changes phases does not reach either
        better = FIGURES[name].better
        for other in others:
            assert worst[name] < other[name] if better == "higher" else worst[name] > other[name], name
    if isinstance(gaming, Faint):  # of silence, these are undefined
        assert worst["decoder_additivity_db"] > 120.0
        assert worst["decoder_additivity_db"] > others[1]["decoder_additivity_db"] - 20.0
        assert worst["separability_db"] > others[1]["separability_db"]


def test_comparisons_with_the_true_signals_come_first() -> None:
    assert next(iter(SECTIONS)) == "truth"
    kinds = [figure.against for figure in FIGURES.values()]
    assert kinds == sorted(kinds, key=list(SECTIONS).index)
    for name in ("", "mix_", "scaled_", "rest_"):
        assert {f"{name}snr_db", f"{name}si_sdr_db", f"{name}mr_stft"} <= set(against("truth"))
    assert all("true" in FIGURES[name].meaning for name in against("truth"))


def test_a_codec_that_fails_is_a_message_and_the_others_are_measured(recordings: Recordings) -> None:
    codecs: dict[str, Codec] = {
        "raises": Failing(),
        "nan": Failing(np.full((1, 4000), np.nan, np.float32)),
        "short": Failing(np.zeros((1, 3999), np.float32)),
        "good": Frames(),
    }
    results = compared(recordings, codecs)
    messages = [str(one.error) if isinstance(one, Failed) else "" for one in results]
    assert messages == [
        "decoding failed: LookupError: no such frame.",
        "decoding gave values that are NaN or infinite.",
        "decoding gave an array of shape (1, 3999) instead of (1, 4000).",
        "",
    ]
    assert figures(results[3])["mix_si_sdr_db"] > 100.0


def test_a_codec_that_cannot_be_loaded_is_named(recordings: Recordings) -> None:
    def load(name: str) -> Codec:
        raise ImportError("no module named frames")

    (result,) = compare(["mine"], load, lambda info: read_groups(recordings, info, limit=1))
    assert isinstance(result, Failed)
    assert str(result.error) == "the codec “mine” failed: ImportError: no module named frames."

    def device(name: str) -> Codec:
        raise UsageError("there is no GPU")

    with pytest.raises(UsageError, match="no GPU"):
        compare(["mine"], device, lambda info: read_groups(recordings, info, limit=1))


def test_every_codec_is_measured_at_its_own_rate(recordings: Recordings) -> None:
    slow, fast = compared(recordings, {"slow": Frames(), "fast": Frames(sample_rate=12_000)})
    for one, rate in ((slow, 8_000), (fast, 12_000)):
        assert isinstance(one, Measured)
        assert one.plain()["about"]["sample_rate"] == rate
        assert figures(one)["mix_si_sdr_db"] > 100.0
        assert one.demonstration is not None
        assert all(len(signal) == rate for signal in one.demonstration.decoded.values())


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_demonstrations_of_a_linear_or_affine_codec_give_the_true_signals(
    recordings: Recordings, offset: float
) -> None:
    (one,) = compared(recordings, {"affine": Frames(offset)}, 1.23)
    assert isinstance(one, Measured)
    demo = one.demonstration
    assert demo is not None
    signals = loudest_excerpt(recordings, 8_000, 1.23).signals
    loudest = signals[np.argmax((signals**2).sum(axis=1))]
    expected = {
        "autoencoded": loudest,
        "mixed": signals.sum(axis=0),
        "scaled": 0.25 * loudest,
        "removed": signals.sum(axis=0) - loudest,
    }
    assert demo.decoded.keys() == expected.keys()
    for name, signal in demo.decoded.items():
        np.testing.assert_allclose(demo.truth[name], expected[name], atol=1e-6)
        np.testing.assert_allclose(signal, expected[name], atol=1e-5)
    np.testing.assert_allclose(demo.direct["mixed"], expected["mixed"], atol=1e-5)
    np.testing.assert_allclose(demo.direct["removed"], expected["removed"], atol=1e-5)
    assert np.abs(demo.difference).max() < 1e-5
    assert demo.latents.shape == demo.difference.shape == (16, -(-len(loudest) // 16))


def test_demonstrations_decode_every_chunk_at_its_place(recordings: Recordings) -> None:
    (one,) = compared(recordings, {"numbered": Numbered()}, 1.5)
    assert isinstance(one, Measured)
    assert one.demonstration is not None
    lead = Grid.of(one.info).lead_frames
    for signal in one.demonstration.decoded.values():
        np.testing.assert_allclose(signal[HOP // 2 :: HOP], lead + np.arange(len(signal) // HOP), rtol=1e-6)


def test_demonstrations_are_crossfaded_as_in_the_studio(tmp_path: Path) -> None:
    """Three chunks of a codec whose windows overlap, at a length that is no multiple of anything."""
    paths = [write_audio(tmp_path / f"{seed}.wav", noise(seed, 200_001)) for seed in (1, 2)]
    recordings = Recordings(paths, stems=True)
    codec = registry.load("mdct-1x")
    (one,) = compare(
        ["mdct-1x"],
        lambda name: codec,
        lambda info: read_groups(recordings, info, limit=1),
        loudest_excerpt(recordings, 44_100, 60.0),
    )
    assert isinstance(one, Measured)
    assert one.demonstration is not None
    for name, signal in one.demonstration.decoded.items():
        assert len(signal) == 200_001
        np.testing.assert_allclose(signal, one.demonstration.truth[name], atol=1e-5)
