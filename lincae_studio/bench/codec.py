"""Speed and agreement of the Lin-CAE codec, alone or against the reference package, in one run.

Weights are random (none is left at its zero initialisation) in the layout of the public checkpoints, so that no
download is needed. Runs of both packages alternate, so that noise of the machine affects both; medians are compared.
"""

from __future__ import annotations

import importlib
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lincae_studio import malloc
from lincae_studio.bench.machine import machine
from lincae_studio.bench.spread import spread
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.device import BF16_ISA, default_device, resolve
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.codecs.tiles import has_library
from lincae_studio.errors import CodecError, UsageError
from lincae_studio.preferences import Precision

#: Options of the public checkpoints that differ from the defaults.
_FRONTEND = {"hop_size": 512, "n_fft_factor": 4, "alpha_rescale": 0.65, "beta_rescale": 0.34}

#: Seconds per item in the measurement of batch sizes: a chunk of the studio.
_CHUNK_S = 2.0

#: The audio is one window, whose activations must all fit in memory.
_LONGEST_S = 600.0


def measure_codec(
    *,
    against: str | None = None,
    device: str | None = None,
    seconds: float = 4.0,
    repeats: int = 3,
    batch_sizes: Sequence[int] = (),
    base_channels: int = 64,
) -> dict[str, object]:
    """Encode and decode the same audio with the same weights.

    Args:
        against: `linear-cae`, the reference package, which must be installed; None measures only this package.
        device: None for the best available.
        seconds: length of the audio, which is one window.
        repeats: number of repeats of each measurement; the median is reported.
        batch_sizes: also measure batches of this many two-second windows, in `auto` precision.
        base_channels: width of the model; public models have 64.

    Returns:
        Times in seconds, x realtime, GFLOP/s (of the plain algorithm's count, so that saved work shows as speed), the
        share of what a matrix product reaches here in the same arithmetic, ratios (their time / ours), and errors.

    Raises:
        UsageError: when an argument is not valid, or the device is not available.
        CodecError: when the reference package is not installed.
    """
    if not 0.1 <= seconds <= _LONGEST_S:
        raise UsageError(f"{seconds} seconds of audio cannot be measured", f"Choose from 0.1 to {_LONGEST_S:g}")
    if base_channels < 8 or base_channels % 8:
        raise UsageError(f"a model cannot be {base_channels} channels wide", "Choose a multiple of 8")
    if min(batch_sizes, default=1) < 1:
        raise UsageError("a batch must contain at least one window", "Choose batch sizes of 1 or more")
    place = _device(device) if device else default_device()
    options: dict[str, object] = {"hop": 512, "base_channels": base_channels}
    ours = Autoencoder(_FRONTEND, options, {}, scale_factor=33.0, precision="fp32")
    _randomise(ours)
    ours.to(place)
    ours.tiles = resolve(Computation(str(place))).tiles  # as the studio does
    reference = _Reference(against, options, ours) if against else None
    audio = _audio(ours.get_decoded_size(max(1, round(seconds * ours.sample_rate / ours.hop))), place)
    duration = audio.shape[-1] / ours.sample_rate
    with torch.no_grad():
        latents = ours.encode(audio)

    times: dict[str, list[float]] = {}
    for _ in range(repeats + 1):  # the first round warms up
        malloc.keep_freed()  # as the engine and the command line do
        for precision in _PRECISIONS:
            ours.precision = precision
            _time(times, f"encode_{precision}", lambda: ours.encode(audio))
            _time(times, f"decode_{precision}", lambda: ours.decode(latents, seed=0))
        if reference is not None:
            malloc.restore_defaults()  # a program of the reference package has the C library as it is
            _time(times, "encode_reference", lambda: reference.model.encode(audio))
            _time(times, "decode_reference", lambda: reference.model.decode(latents))
    median = {name: statistics.median(runs[1:]) for name, runs in times.items()}

    flops = dict(zip(("encode", "decode"), _flops(ours, audio.shape[-1]), strict=True))
    decoder_type = str(ours.arithmetic("decoder")).removeprefix("torch.")
    products = {
        "fp32": _product_gflops(place, torch.float32),
        "auto": _product_gflops(place, ours.arithmetic("decoder")),
    }
    figures: dict[str, object] = {
        "device": _device_name(place),
        "isa": _isa(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "audio_s": duration,
        "auto_decoder": decoder_type,
        "tiles": ours.tiles,
        "kernels": place.type == "cpu" and has_library(),
        "gflop_per_s_of_audio": {name: count / duration / 1e9 for name, count in flops.items()},
        "matrix_product_gflops": products,
    }
    spreads: dict[str, list[float]] = {}
    for name, seconds_taken in median.items():
        part, precision_name = name.split("_")
        gflops = flops[part] / seconds_taken / 1e9
        figures[f"{name}_s"] = seconds_taken
        figures[f"{name}_x_realtime"] = duration / seconds_taken
        figures[f"{name}_gflops"] = gflops
        spreads[f"{name}_s"] = spread(times[name][1:])
        spreads[f"{name}_x_realtime"] = spread(duration / run for run in times[name][1:])
        if precision_name in products:
            arithmetic = "fp32" if part == "encode" else precision_name
            figures[f"{name}_share_of_product"] = gflops / products[arithmetic]
    if reference is not None:
        for name in ("encode_fp32", "decode_fp32", "encode_auto", "decode_auto"):
            part, precision_name = name.split("_")
            figures[f"{part}_ratio_{precision_name}"] = median[f"{part}_reference"] / median[name]
        ours.precision = "fp32"
        figures["parity_error"] = reference.error(ours, audio)
    with torch.backends.cudnn.flags(allow_tf32=False):
        ours.precision = "fp32"
        exact = ours.decode(latents, seed=0)
    ours.precision = "auto"
    figures["auto_error_db"] = _db(_error(ours.decode(latents, seed=0), exact))
    malloc.keep_freed()
    figures["spread"] = spreads
    if batch_sizes:
        figures["batches"] = [_batch(ours, place, size, repeats) for size in batch_sizes]
    return figures


def save_random_model(folder: Path, base_channels: int = 64) -> Path:
    """Write a model of the public layout with random weights, for benchmarks that need no download."""
    model = Autoencoder(_FRONTEND, {"hop": 512, "base_channels": base_channels}, {}, scale_factor=33.0)
    _randomise(model)
    save_own(model, folder, title="Random Lin-CAE", linear=False)
    return folder


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")  # is never available
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type):
        choices = ", ".join(kind for kind in available if available[kind])
        raise UsageError(f"the device “{name}” is not available", f"Choose one of {choices}")
    return device


_PRECISIONS: tuple[Precision, ...] = ("fp32", "auto")


class _Reference:
    """The reference package's model with our weights."""

    def __init__(self, package: str, options: dict[str, object], ours: Autoencoder) -> None:
        if package != "linear-cae":
            raise CodecError(f"a comparison with “{package}” is not supported", "Choose linear-cae")
        try:
            module: Any = importlib.import_module("linear_cae")
        except ImportError as error:
            remedy = "Install it with pip install --no-deps linear-cae==0.1.4"
            raise CodecError("the package linear-cae is not installed", remedy) from error
        self.model = module.Autoencoder(_FRONTEND, dict(options), {}, scale_factor=ours.scale_factor)
        self.model.load_state_dict(ours.state_dict())
        self.model.eval().to(ours.device)

    def error(self, ours: Autoencoder, audio: Tensor) -> float:
        """The larger relative error of latents and of audio, from the same noise."""
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            theirs = self.model.encode(audio)
            torch.manual_seed(0)
            decoded = self.model.decode(theirs)
            torch.manual_seed(0)
            frames = theirs.shape[-1] * ours.config.generator.time_factor
            noise = torch.randn((1, 2, 2 * ours.frontend.hop, frames), device=audio.device)
            return max(_error(ours.encode(audio), theirs), _error(ours.decode(theirs, noise=noise), decoded))


def _randomise(model: Autoencoder) -> None:
    """Weights of unit gain in every branch, zero-initialised ones too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            if parameter.ndim > 1:
                gain = parameter[0].numel() ** -0.5
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * gain)
            else:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def _audio(samples: int, device: torch.device) -> Tensor:
    """A chord over noise, `(1, samples)`."""
    time_s = torch.arange(samples) / 44_100
    chord = sum(torch.sin(2.0 * math.pi * pitch * time_s) for pitch in (110.0, 277.2, 659.3)) * 0.1
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0)) * 0.02
    return (chord + noise)[None].to(device)


def _flops(model: Autoencoder, samples: int) -> tuple[int, int]:
    """Operations of encoding and of decoding a window, counted on shapes (a product and a sum: 2)."""
    frames = model.get_latent_size(samples) * model.config.generator.time_factor
    with torch.device("meta"):
        unet = UNet(model.config.generator)
        representation = torch.empty(1, 2, 2 * model.frontend.hop, frames)
        latents = torch.empty(1, model.dim, frames // model.config.generator.time_factor)
        sigma = torch.ones(1)
    # With gradients enabled nothing is folded, so this counts the algorithm as published.
    with FlopCounterMode(display=False) as encoding:
        unet.encoder(representation)
    with FlopCounterMode(display=False) as decoding:
        unet.denoise(unet.decoder(latents), representation, sigma)
    return encoding.get_total_flops(), decoding.get_total_flops()


def _batch(model: Autoencoder, device: torch.device, size: int, repeats: int) -> dict[str, object]:
    """Two-second windows in batches of `size`."""
    audio = _audio(model.get_decoded_size(round(_CHUNK_S * model.sample_rate / model.hop)), device).expand(size, -1)
    with torch.no_grad():
        latents = model.encode(audio, max_batch_size=size)
    times: dict[str, list[float]] = {}
    for _ in range(repeats + 1):
        _time(times, "encode", lambda: model.encode(audio, max_batch_size=size))
        _time(times, "decode", lambda: model.decode(latents, seed=0, max_batch_size=size))
    duration = audio.numel() / model.sample_rate
    encode_s, decode_s = (statistics.median(times[part][1:]) for part in ("encode", "decode"))
    encode_flops, decode_flops = (count * size for count in _flops(model, audio.shape[-1]))
    return {
        "batch": size,
        "encode_x_realtime": duration / encode_s,
        "decode_x_realtime": duration / decode_s,
        "encode_gflops": encode_flops / encode_s / 1e9,
        "decode_gflops": decode_flops / decode_s / 1e9,
    }


def _isa() -> str:
    """The instruction set that torch and oneDNN use: the processor's, unless the environment limits them."""
    return limited_isa(str(machine()["isa"]), torch.backends.cpu.get_cpu_capability())


def limited_isa(of_processor: str, used: str) -> str:
    """The instruction set of a processor, as `machine` names it, where torch uses another: `AVX2`, `DEFAULT`.

    Returns:
        For the processor's widest vectors, its own name; for narrower ones theirs, without what comes with the wider;
        `generic` where torch uses none.
    """
    widest, *special = of_processor.split() or [""]
    if used in ("DEFAULT", "NO AVX"):
        # On other processors than those of Intel's kind, torch has one version only, for the widest vectors.
        return "generic" if widest.startswith(("avx", "sse")) else of_processor
    name = used.lower()
    if widest.startswith("avx") and name.startswith("avx") and name != widest:
        return name
    limits = {os.environ.get(f"{library}_MAX_CPU_ISA", "").upper() for library in ("ONEDNN", "DNNL")}
    return of_processor if not special or limits <= BF16_ISA else widest


def _product_gflops(device: torch.device, dtype: torch.dtype) -> float:
    """GFLOP/s of a large matrix product on this device, as an estimate of its peak performance."""
    size = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=device).to(dtype)
    times: dict[str, list[float]] = {}
    for _ in range(4):
        _time(times, "product", lambda: matrix @ matrix)
    return 2.0 * size**3 / min(times["product"]) / 1e9


def _time(times: dict[str, list[float]], name: str, work: Callable[[], object]) -> None:
    with torch.no_grad():
        _synchronise()
        started = time.perf_counter()
        work()
        _synchronise()
        times.setdefault(name, []).append(time.perf_counter() - started)


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def _db(ratio: float) -> float:
    return 20.0 * math.log10(max(ratio, 1e-20))
