"""Quality of the built-in codecs, measured on the demo song. Runs headless, offline, in about ten seconds.

The stems of the song are downmixed to mono. A low-pass with as many values as `mdct-4x` is measured for comparison: it
wins when samples are compared and loses clearly when spectra are, which is why the high bands are sketched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import soundfile as sf
from msgspec.structs import replace

from lincae_studio import cores
from lincae_studio.bench.spread import spread
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, Codec
from lincae_studio.codecs.mdct import MDCT_4X, MdctCodec
from lincae_studio.engine.rendering.algebra import combine
from lincae_studio.evaluation.metrics import mel_distance, mr_stft, si_sdr, snr
from lincae_studio.paths import resource

CODECS = ("mdct-1x", "mdct-2x", "mdct-4x")

_TIMED_RUNS = 3


def measure_builtin() -> list[dict[str, object]]:
    """One row per codec, in the order of `CODECS`, then the low-pass; the columns are those of `measure`."""
    cores.use_one_per_product()  # as the engine process does
    stems = demo_stems()
    codecs = [registry.load(codec_id) for codec_id in CODECS]
    return [measure(codec, stems) for codec in (*codecs, low_pass())]


def low_pass() -> Codec:
    """The lowest 64 of 256 MDCT bins and nothing else, `lowpass-4x`: for comparison, not for use."""
    return MdctCodec(replace(MDCT_4X, id="lowpass-4x", identity="lowpass-4x/1"), exact=MDCT_4X.dim)


def demo_stems() -> Array:
    """The demo song's stems `(stems, N)`, downmixed to mono (mean of the channels), in order of their names."""
    files = sorted(resource("demo").glob("*.ogg"))
    return np.stack([sf.read(file, dtype="float32", always_2d=True)[0].mean(axis=1) for file in files])


def measure(codec: Codec, stems: Array) -> dict[str, object]:
    """The figures of one codec on stems `(stems, N)` at the codec's sample rate.

    With E the encoder, D the decoder, x_i the stems, z_i = E(x_i), and sums as the studio forms them:

    - `ratio`: samples per latent value;
    - `si_sdr_db`, `mr_stft`, `mel_db`: D(sum z_i) against sum x_i, by the definitions in `metrics`; for a linear
      encoder the reconstruction of the mix and mix-equivariance are the same thing;
    - `stem_removal_db`: SI-SDR of D(E(mix) - z_i) against the sum of the other stems, mean over i;
    - `additivity_db`: SNR of D(sum z_i) against sum D(z_i);
    - `encode_x_realtime`, `decode_x_realtime`: seconds of audio per second, all stems as one batch, the best of 3.
    """
    info = codec.info
    count = stems.shape[1]
    windows = _windows(stems, codec)
    seconds_of_audio = windows.size / info.sample_rate
    latents, encodes = _timed(lambda: codec.encode(windows))
    decoded, decodes = _timed(lambda: codec.decode(latents, first_frames=[0] * len(latents), seed=0))
    mix = stems.sum(axis=0, dtype=np.float64)
    mixed = _decode_sum(codec, latents, [1.0] * len(stems), count)
    return {
        "codec": info.id,
        "ratio": info.compression,
        "si_sdr_db": si_sdr(mixed, mix),
        "mr_stft": mr_stft(mixed, mix),
        "mel_db": mel_distance(mixed, mix, info.sample_rate),
        "stem_removal_db": _stem_removal(codec, stems, latents),
        "additivity_db": snr(mixed, _heard(decoded, codec, count).sum(axis=0, dtype=np.float64)),
        "encode_x_realtime": seconds_of_audio / min(encodes),
        "decode_x_realtime": seconds_of_audio / min(decodes),
        "spread": {
            "encode_x_realtime": spread(seconds_of_audio / time_s for time_s in encodes),
            "decode_x_realtime": spread(seconds_of_audio / time_s for time_s in decodes),
        },
    }


def _stem_removal(codec: Codec, stems: Array, latents: Array) -> float:
    mix = stems.sum(axis=0, dtype=np.float64)
    mix_latents = codec.encode(_windows(mix[None].astype(np.float32), codec))[0]
    ratios = []
    for stem, stem_latents in zip(stems, latents, strict=True):
        rest = _decode_sum(codec, [mix_latents, stem_latents], [1.0, -1.0], len(stem))
        ratios.append(si_sdr(rest, mix - stem))
    return float(np.mean(ratios))


def _windows(audio: Array, codec: Codec) -> Array:
    """Signals `(B, N)` as one window each, zero-padded so that no sample is in the margin of a window."""
    info, count = codec.info, audio.shape[1]
    frames = -(-(count + 2 * info.margin - info.window_extra) // info.hop)
    return np.pad(audio, ((0, 0), (info.margin, info.window_samples(frames) - info.margin - count)))


def _heard(windows: Array, codec: Codec, count: int) -> Array:
    """The `(B, N)` signals in decoded windows."""
    margin = codec.info.margin
    return windows[:, margin : margin + count]


def _decode_sum(codec: Codec, latents: Sequence[Array] | Array, coefficients: Sequence[float], count: int) -> Array:
    """`count` samples of the decoded weighted sum of latents `(D, T)`."""
    origin = codec.silence(latents[0].shape[1])
    mixed = combine(list(latents), [(coefficient,) for coefficient in coefficients], origin)
    return _heard(codec.decode(mixed, first_frames=[0], seed=0), codec, count).reshape(count)


def _timed(work: Callable[[], Array]) -> tuple[Array, list[float]]:
    """The result of the work, and the times of its runs in seconds."""
    times = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return result, times
