"""The model: waveform to latents and back, optionally in chunks, reproducible, on any device."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import msgspec
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.batches import in_batches
from lincae_studio.codecs.computation import PRECISIONS
from lincae_studio.codecs.device import has_kernels, native_bf16, rounds_to_tf32
from lincae_studio.codecs.lincae.arguments import (
    checked_audio,
    checked_integer,
    checked_latents,
    checked_noise,
    checked_seeds,
)
from lincae_studio.codecs.lincae.config import DiffusionConfig, FrontendConfig, GeneratorConfig, parse_config
from lincae_studio.codecs.lincae.diffusion import Diffusion, sample
from lincae_studio.codecs.lincae.draws import Draw, Shape, field_noise, given_noise, torch_noise
from lincae_studio.codecs.lincae.folder import ARITHMETIC_VERSION, checked_scale_factor
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.codecs.lincae.lowered import Lowered, with_gradients
from lincae_studio.codecs.lincae.overlap import overlap_add
from lincae_studio.codecs.lincae.public import DEFAULT_RATE, PUBLIC_MODELS
from lincae_studio.codecs.lincae.state import drop_duplicates_hook
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.errors import CodecError
from lincae_studio.preferences import Precision

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ConsistencyAutoencoder(nn.Module):
    """A Music2Latent-type consistency autoencoder.

    Latents are multiplied by `scale_factor` after encoding and divided by it before decoding. When memory runs out,
    batches are halved and a warning is logged. On a CPU, decoding a lot is faster after `malloc.keep_freed()`.

    By default it computes in 32 bits, as `linear-cae` does; the studio decodes in bfloat16 where that is fast.

    Args:
        frontend, generator, diffusion: the parts, or their options as in the public YAML files, see `config`.
        max_batch_size: windows per forward pass.
        diffusion_steps: number of model evaluations of a decode.
        mixed_precision: as in `linear-cae`: the encoder computes in fp16 on CUDA, regardless of `precision`; no effect
            on other devices.
        enable_grad_denoise: whether `decode` has gradients: an attribute of `diffusion`.
        name: name of the model in error messages.
        max_chunk_size: in samples; longer audio is encoded in overlapping chunks. None never chunks.
        overlap_percentage: fraction of a chunk that overlaps the next, in [0, 1).
        scale_factor: of the latents; default: that of the public model `name`, else 1.
        precision: of the computation: `fp32`, `bf16`, `fp16` (CUDA only), or `auto`: encoder fp32, decoder bf16 where
            the device computes it natively, else fp32. On CUDA torch lets convolutions of `fp32` round their factors
            to TF32, 10 bits, unless `torch.backends.cudnn.allow_tf32` is False.
        tiles: channels from which on 3x3 convolutions are computed by tiles, with `auto` where it computes in 32 bits
            on the CPU: see `tile_choice.narrowest`; 0 for none. Results differ by 1e-5 at most, relative.

    All arguments except the three parts and `name` are attributes that may be set later. Weights stay in float32.

    Raises:
        CodecError: for options that are unknown or out of range.
    """

    def __init__(
        self,
        frontend: dict[str, Any] | FrontendConfig | ScaledComplexStft,
        generator: dict[str, Any] | GeneratorConfig | UNet,
        diffusion: dict[str, Any] | DiffusionConfig | Diffusion,
        max_batch_size: int = 1,
        diffusion_steps: int = 1,
        mixed_precision: bool = False,
        enable_grad_denoise: bool = False,
        name: str = "model",
        max_chunk_size: int | None = None,
        overlap_percentage: float = 0.25,
        scale_factor: float | None = None,
        *,
        precision: Precision = "fp32",
        tiles: int = 0,
    ) -> None:
        super().__init__()
        self.config = parse_config(
            frontend.config if isinstance(frontend, ScaledComplexStft) else frontend,
            generator.config if isinstance(generator, UNet) else generator,
            diffusion.config if isinstance(diffusion, Diffusion) else diffusion,
            name,
        )
        if scale_factor is None:
            scale_factor = PUBLIC_MODELS[name].scale_factor if name in PUBLIC_MODELS else 1.0
        self.scale_factor = checked_scale_factor(scale_factor)
        self.max_chunk_size = max_chunk_size
        self.overlap_percentage = overlap_percentage
        self.max_batch_size = max_batch_size
        self.diffusion_steps = diffusion_steps
        self.precision: Precision = precision
        self.tiles = tiles
        self.mixed_precision = mixed_precision
        self.name = name
        self.diffusion = diffusion if isinstance(diffusion, Diffusion) else Diffusion(self.config.diffusion)
        self.diffusion.enable_grad_denoise = enable_grad_denoise
        self.frontend = frontend if isinstance(frontend, ScaledComplexStft) else ScaledComplexStft(self.config.frontend)
        self._check_attributes()
        self.generator = generator if isinstance(generator, UNet) else UNet(self.config.generator)
        # Channels-last memory is the fastest for convolutions on every device; the values are the same.
        self.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lowered: dict[tuple[torch.dtype, int], Lowered] = {}
        self.register_load_state_dict_pre_hook(drop_duplicates_hook)  # type: ignore[no-untyped-call]
        self.eval()

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def sample_rate(self) -> int:
        """In Hz; the public configurations that leave it out are at 44.1 kHz."""
        return self.config.frontend.sample_rate or DEFAULT_RATE

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return self.frontend.hop * self.config.generator.time_factor

    @property
    def dim(self) -> int:
        """Latent channels."""
        return self.config.generator.bottleneck_channels

    @property
    def identity(self) -> str:
        """A digest of weights, configuration, scale factor and arithmetic: equal identities decode equally."""
        digest = hashlib.sha256(msgspec.msgpack.encode((ARITHMETIC_VERSION, self.config, self.scale_factor)))
        tf32 = rounds_to_tf32(self.device)
        digest.update(f"{self.device.type} {self.arithmetic('encoder')} {self.arithmetic('decoder')} {tf32}".encode())
        if self.tiles and self.precision == "auto":
            digest.update(f"tiles {self.tiles}".encode())
        if self._has_kernels():
            digest.update(b"kernels")
        for key, value in sorted(self.state_dict().items()):
            digest.update(f"{key} {value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def refresh(self) -> None:
        """Discard the reduced-precision copies of the weights.

        Changed and replaced weights are detected automatically, except for writes that torch does not track: those
        through `weight.data`, and all to weights created in inference mode. Call this after them.
        """
        self._lowered = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lowered": {}}

    def get_latent_size(self, audio_length: int) -> int:
        """Number of latent frames T for `audio_length` samples."""
        frames = self.frontend.frames(audio_length)
        for _ in range(self.config.generator.freq_downsample_list.count(0)):
            frames = (frames - 1) // 2 + 1
        return frames

    def get_decoded_size(self, latent_length: int) -> int:
        """Number of samples decoded from `latent_length` latent frames."""
        return self.frontend.samples(latent_length * self.config.generator.time_factor)

    def forward(self, x: Tensor | npt.NDArray[Any], **options: Any) -> Tensor:
        """Encode and decode audio: `(B, N)` to `(B, N)`. The options are those of `decode`."""
        return self.decode(self.encode(x), x.shape[-1], **options)

    def encode(
        self, x: Tensor | npt.NDArray[Any], extract_features: bool = False, max_batch_size: int | None = None
    ) -> Tensor:
        """Encode audio, with gradients where torch's grad mode is on.

        Args:
            x: `(B, N)` or `(N,)` samples.
            extract_features: return the input of the bottleneck instead of latents.
            max_batch_size: overrides the attribute.

        Returns:
            `(B, D, T)`; `(B, chunks, D, T)` for audio longer than `max_chunk_size`.

        Raises:
            CodecError: for other ranks and types, an empty batch, samples that are not finite, or too few for one STFT
                window.
        """
        self._check_attributes()
        audio = checked_audio(x, self.frontend.n_fft).to(self.device)
        length = self.max_chunk_size
        if length is None or audio.shape[-1] <= length:
            return self._encode_windows(
                len(audio), lambda rows: audio[rows.start : rows.stop], extract_features, max_batch_size
            )
        step = self._chunk_step(length)
        padding = (step - (audio.shape[-1] - length) % step) % step
        chunks = functional.pad(audio, (0, padding)).unfold(-1, length, step)  # a view
        batch, count, _ = chunks.shape
        encoded = self._encode_windows(
            batch * count,
            lambda rows: torch.stack([chunks[divmod(row, count)] for row in rows]),
            extract_features,
            max_batch_size,
        )
        return encoded.reshape(batch, count, *encoded.shape[1:])

    def extract_features(self, x: Tensor | npt.NDArray[Any]) -> Tensor:
        """The input of the bottleneck: `(B, features, T)`."""
        return self.encode(x, extract_features=True)

    def decode(
        self,
        z: Tensor | npt.NDArray[Any],
        full_length: int | None = None,
        diffusion_steps: int | None = None,
        *,
        seed: int | Sequence[int] | npt.NDArray[Any] | Tensor | None = None,
        noise: Tensor | npt.NDArray[Any] | None = None,
        max_batch_size: int | None = None,
    ) -> Tensor:
        """Decode latents; the argument is not changed.

        It has gradients where torch's grad mode is on and `model.diffusion.enable_grad_denoise` is True.

        Args:
            z: `(B, D, T)`, or `(B, chunks, D, T)` as returned by `encode`, decoded with the chunk size and overlap
                that it was encoded with.
            full_length: number of samples to return, at least 0; required for chunked latents. Latents cover
                `get_decoded_size(T)` samples, which are truncated to this length; as in `linear-cae`, no more are
                returned if it is longer (audio may be up to one hop of the STFT longer than its latents cover).
            diffusion_steps: number of model evaluations; default: the attribute.
            seed: None draws the noise from torch's generator, as `linear-cae` does: it differs from call to call, from
                item to item, and from chunk to chunk. An integer in [0, 2**64) selects a noise field, the same for all
                items, in which chunks agree where they overlap; a list has one for each of the B items. Then equal
                seeds give equal audio regardless of the batch size.
            noise: unit-variance noise instead: `(B*chunks, 2, 2*hop, frames)`, used for every step, or
                `(steps, B*chunks, 2, 2*hop, frames)`.

        Returns:
            `(B, N)`, float32.

        Raises:
            CodecError: for other shapes, latents that are not finite, and latents of another chunk size.
        """
        self._check_attributes()
        latents = checked_latents(z, self.dim).to(self.device)
        steps = checked_integer(
            "diffusion_steps", self.diffusion_steps if diffusion_steps is None else diffusion_steps, 1
        )
        if full_length is not None:
            full_length = checked_integer("full_length", full_length, 0)
        batch, chunks = latents.shape[0], latents.shape[1] if latents.ndim == 4 else 1
        seeds = None if seed is None else checked_seeds(seed, batch)
        shape = self._noise_shape(latents)
        given = None if noise is None else checked_noise(noise, (batch * chunks, *shape), steps)
        length, step = 0, 0
        if latents.ndim == 4:
            if full_length is None:
                raise CodecError("chunked latents need full_length", "Pass decode(z, full_length=NUMBER_OF_SAMPLES)")
            length = self._checked_chunk_size(latents.shape[-1])
            step = self._chunk_step(length)
        if given is not None:
            draw = given_noise(given, self.device, steps)
        elif seeds is None:
            draw = torch_noise(shape, self.device, steps)
        else:
            hop = self.frontend.hop
            first_frames = [(2 * chunk * step + hop) // (2 * hop) for chunk in range(chunks)]  # the nearest ones
            per_window = [seed for seed in seeds for _ in range(chunks)]
            draw = field_noise(shape, self.device, per_window, first_frames * batch, steps)
        with self._decoding():
            windows = self._decode_windows(latents.reshape(-1, *latents.shape[-2:]), draw, max_batch_size)
            if latents.ndim == 3:
                return torch.cat([audio for _, audio in windows])[..., :full_length]
            out_length = min(length, self.get_decoded_size(latents.shape[-1]))
            out_step = out_length * step // length
            return overlap_add(windows, (batch, chunks), out_length, out_step, self.device)[..., :full_length]

    def decode_windows(self, z: Tensor | npt.NDArray[Any], first_frames: Sequence[int], seed: int = 0) -> Tensor:
        """Decode `(B, D, T)`, with the noise of absolute latent frames from `first_frames` on: for the studio's grid.

        Raises:
            CodecError: for other shapes, latents that are not finite, or another number of first frames than items.
        """
        self._check_attributes()
        latents = checked_latents(z, self.dim).to(self.device)
        if latents.ndim != 3 or len(first_frames) != len(latents):
            problem = f"latents of shape {tuple(latents.shape)} with {len(first_frames)} first frames"
            raise CodecError(problem, f"They must be (batch, {self.dim}, frames), with one first frame for each item")
        frames = [frame * self.config.generator.time_factor for frame in first_frames]
        draw = field_noise(self._noise_shape(latents), self.device, checked_seeds(seed, len(latents)), frames)
        with self._decoding():
            return torch.cat([audio for _, audio in self._decode_windows(latents, draw)])

    def silence_latent(self, frames: int = 1) -> Tensor:
        """Latents `(D, frames)` of digital silence: the origin of the affine algebra."""
        self._check_attributes()
        samples = self.get_decoded_size(checked_integer("frames", frames, 1))
        return self._encode_windows(1, lambda _: torch.zeros(1, samples, device=self.device))[0]

    def _encode_windows(
        self,
        count: int,
        windows: Callable[[range], Tensor],
        extract_features: bool = False,
        max_batch_size: int | None = None,
    ) -> Tensor:
        """Encode `count` windows; `windows` returns those of a range of rows."""
        encoder = self._network("encoder").encoder

        def forward(rows: range) -> Tensor:
            latents: Tensor = encoder(self.frontend.to_representation(windows(rows)), extract_features)
            return latents.float()

        return torch.cat([out for _, out in self._batches(count, max_batch_size, forward)]) * self.scale_factor

    def _noise_shape(self, latents: Tensor) -> Shape:
        """The shape of one window's noise: channels, bins, STFT frames."""
        generator = self.config.generator
        return generator.data_channels, 2 * self.frontend.hop, latents.shape[-1] * generator.time_factor

    def _decoding(self) -> torch.enable_grad | torch.no_grad:
        """The grad mode of decoding, as a context."""
        # Not `set_grad_enabled`, which takes effect when it is made: compiled code would leave the mode changed.
        return (
            torch.enable_grad() if torch.is_grad_enabled() and self.diffusion.enable_grad_denoise else torch.no_grad()
        )

    def _decode_windows(
        self, latents: Tensor, draw: Draw, max_batch_size: int | None = None
    ) -> Iterator[tuple[range, Tensor]]:
        """Yield (range of rows, their audio)."""
        network = self._network("decoder")
        graphs = next((copy.graphs for copy in self._lowered.values() if copy.network is network), None)

        def decoded(batch: Tensor, *noises: Tensor) -> Tensor:
            return sample(network, self.diffusion, batch, noises)

        def forward(rows: range) -> Tensor:
            inputs = (latents[rows.start : rows.stop] / self.scale_factor, *draw(rows))
            return self.frontend.to_waveform(graphs(decoded, *inputs) if graphs else decoded(*inputs))

        return self._batches(len(latents), max_batch_size, forward)

    def _batches(
        self, count: int, max_batch_size: int | None, forward: Callable[[range], Tensor]
    ) -> Iterator[tuple[range, Tensor]]:
        size = checked_integer("max_batch_size", self.max_batch_size if max_batch_size is None else max_batch_size, 1)
        return in_batches(count, size, forward, self.device)

    def _checked_chunk_size(self, latent_frames: int) -> int:
        """The chunk size that chunked latents were made with, checked against their length."""
        length = self.max_chunk_size
        if length is None:
            raise CodecError("chunked latents need max_chunk_size", "Set the one that they were encoded with")
        expected = self.get_latent_size(length)
        if latent_frames != expected:
            raise CodecError(
                f"chunks of {latent_frames} latent frames were not encoded with max_chunk_size {length}, "
                f"which gives {expected}",
                "Set the max_chunk_size and overlap_percentage that they were encoded with",
            )
        return length

    def _chunk_step(self, length: int) -> int:
        return length - int(length * self.overlap_percentage)

    def arithmetic(self, part: Literal["encoder", "decoder"]) -> torch.dtype:
        """The dtype in which encoder or decoder compute on this device."""
        self._check_attributes()
        if self.mixed_precision and part == "encoder" and self.device.type == "cuda":
            return torch.float16
        if self.precision == "fp16" and self.device.type != "cuda":
            raise CodecError("fp16 needs a CUDA device", "Choose auto, fp32 or bf16, or move the model to one")
        if self.precision != "auto":
            return _DTYPES[self.precision]
        return torch.bfloat16 if part == "decoder" and native_bf16(self.device) else torch.float32

    def _network(self, part: Literal["encoder", "decoder"]) -> UNet:
        """The generator in the dtype of encoder or decoder: itself, or a converted copy, remade when weights change."""
        weights = list(self.generator.parameters())
        found = {weight.dtype for weight in weights} - {torch.float32}
        if found:
            raise CodecError(f"weights are {found.pop()}", "Call model.float(), and set model.precision instead")
        dtype = self.arithmetic(part)
        gradients = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
        by_tiles = dtype is torch.float32 and self.precision == "auto" and self.device.type == "cpu"
        tiles = self.tiles if by_tiles else 0
        if dtype is torch.float32 and (gradients or not tiles):
            return self.generator
        if gradients:
            return with_gradients(self.generator, dtype)
        made = self._lowered.get((dtype, tiles))
        if made is None or not made.is_of(weights):
            kernels = dtype is torch.bfloat16 and self._has_kernels()
            made = self._lowered[dtype, tiles] = Lowered(self.generator, dtype, weights, tiles, kernels)
        return made.network

    def _has_kernels(self) -> bool:
        return self.precision == "auto" and has_kernels(self.device)

    def _check_attributes(self) -> None:
        """Attributes may be set at any time, so they are checked when used."""
        if self.precision not in PRECISIONS:
            raise CodecError(f"there is no precision “{self.precision}”", f"Choose one of {', '.join(PRECISIONS)}")
        if not 0.0 <= self.overlap_percentage < 1.0:
            raise CodecError(f"overlap_percentage {self.overlap_percentage} is not in [0, 1)")
        if self.max_chunk_size is not None:
            checked_integer("max_chunk_size", self.max_chunk_size, self.frontend.n_fft)
        checked_integer("max_batch_size", self.max_batch_size, 1)
        checked_integer("diffusion_steps", self.diffusion_steps, 1)
        checked_scale_factor(self.scale_factor)
