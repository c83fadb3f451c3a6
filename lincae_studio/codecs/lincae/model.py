"""The model: waveform to latents and back, optionally in chunks, reproducible, on any device."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.computation import PRECISIONS
from lincae_studio.codecs.lincae.arguments import checked_floats, checked_integer, checked_noise
from lincae_studio.codecs.lincae.config import DiffusionConfig, FrontendConfig, GeneratorConfig, parse_config
from lincae_studio.codecs.lincae.consistency import sample
from lincae_studio.codecs.lincae.device import empty_cache, is_out_of_memory, native_bf16
from lincae_studio.codecs.lincae.folder import ARITHMETIC_VERSION, DEFAULT_RATE, checked_scale_factor
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.codecs.lincae.lowered import Lowered
from lincae_studio.codecs.lincae.noise import noise_field
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.errors import CodecError
from lincae_studio.preferences import Precision

_log = logging.getLogger(__name__)

_MAX_SEED = 2**64 - 1

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ConsistencyAutoencoder(nn.Module):
    """A Music2Latent-type consistency autoencoder.

    Latents are multiplied by `scale_factor` after encoding and divided by it before decoding. When memory runs out,
    batches are halved and a warning is logged. On a CPU, decoding a lot is faster after `malloc.keep_freed()`.

    Args:
        frontend_kwargs, generator_kwargs, diffusion_kwargs: options as in the public YAML files, see `config`.
        max_batch_size: windows per forward pass.
        scale_factor: of the latents.
        max_chunk_size: in samples; longer audio is encoded in overlapping chunks. None never chunks.
        overlap_percentage: fraction of a chunk that overlaps the next, in [0, 1).
        precision: of the computation: `fp32`, `bf16`, `fp16` (CUDA only), or `auto`: encoder fp32, decoder bf16 where
            the device computes it natively, else fp32. On CUDA torch lets convolutions of `fp32` round their factors
            to TF32, 10 bits, unless `torch.backends.cudnn.allow_tf32` is False.
        mixed_precision: as in `linear-cae`: fp16 on CUDA, overriding `precision`; no effect on other devices.
        name: name of the model in error messages.

    All arguments except the first three and `name` are attributes that may be set later. Weights stay in float32.
    """

    def __init__(
        self,
        frontend_kwargs: dict[str, Any] | FrontendConfig,
        generator_kwargs: dict[str, Any] | GeneratorConfig,
        diffusion_kwargs: dict[str, Any] | DiffusionConfig,
        max_batch_size: int = 1,
        *,
        scale_factor: float = 1.0,
        max_chunk_size: int | None = None,
        overlap_percentage: float = 0.25,
        precision: Precision = "auto",
        mixed_precision: bool = False,
        name: str = "model",
    ) -> None:
        super().__init__()
        self.config = parse_config(frontend_kwargs, generator_kwargs, diffusion_kwargs, name)
        self.scale_factor = checked_scale_factor(scale_factor)
        self.max_chunk_size = max_chunk_size
        self.overlap_percentage = overlap_percentage
        self.max_batch_size = max_batch_size
        self.precision: Precision = precision
        self.mixed_precision = mixed_precision
        self.name = name
        self.frontend = ScaledComplexStft(self.config.frontend)
        self._check_attributes()
        # Channels-last memory is the fastest for convolutions on every device; the values are the same.
        self.generator = UNet(self.config.generator)
        self.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lowered: Lowered | None = None
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
        digest.update(f"{self.arithmetic('encoder')} {self.arithmetic('decoder')}".encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(f"{key} {value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def refresh(self) -> None:
        """Discard the reduced-precision copy of the weights.

        Changed and replaced weights are detected automatically, except for writes that torch does not track: those
        through `weight.data`, and all to weights created in inference mode. Call this after them.
        """
        self._lowered = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lowered": None}

    def get_latent_size(self, audio_length: int) -> int:
        """Number of latent frames T for `audio_length` samples."""
        frames = self.frontend.frames(audio_length)
        for _ in range(self.config.generator.freq_downsample_list.count(0)):
            frames = (frames - 1) // 2 + 1
        return frames

    def get_decoded_size(self, latent_length: int) -> int:
        """Number of samples decoded from `latent_length` latent frames."""
        return self.frontend.samples(latent_length * self.config.generator.time_factor)

    @torch.no_grad()
    def encode(
        self, x: Tensor | npt.NDArray[Any], extract_features: bool = False, max_batch_size: int | None = None
    ) -> Tensor:
        """Encode audio.

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
        audio = self._checked_audio(x)
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

    @torch.no_grad()
    def extract_features(self, x: Tensor | npt.NDArray[Any]) -> Tensor:
        """The input of the bottleneck: `(B, features, T)`."""
        return self.encode(x, extract_features=True)

    @torch.no_grad()
    def decode(
        self,
        z: Tensor | npt.NDArray[Any],
        full_length: int | None = None,
        *,
        diffusion_steps: int = 1,
        seed: int = 0,
        noise: Tensor | npt.NDArray[Any] | None = None,
        max_batch_size: int | None = None,
    ) -> Tensor:
        """Decode latents; the argument is not changed.

        Args:
            z: `(B, D, T)`, or `(B, chunks, D, T)` as returned by `encode`, decoded with the chunk size and overlap
                that it was encoded with.
            full_length: number of samples to return, at least 0; required for chunked latents. Latents cover
                `get_decoded_size(T)` samples, which are truncated to this length; as in `linear-cae`, no more are
                returned if it is longer (audio may be up to one hop of the STFT longer than its latents cover).
            diffusion_steps: number of model evaluations.
            seed: selects the noise field, in [0, 2**64). Equal seeds give equal audio whatever the batch size.
            noise: unit-variance noise instead of the field: `(B*chunks, 2, 2*hop, frames)`, used for every step, or
                `(steps, B*chunks, 2, 2*hop, frames)`.

        Returns:
            `(B, N)`, float32.

        Raises:
            CodecError: for other shapes, latents that are not finite, and latents of another chunk size.
        """
        self._check_attributes()
        latents = self._checked_latents(z)
        steps = checked_integer("diffusion_steps", diffusion_steps, 1)
        seed = checked_integer("seed", seed, 0, _MAX_SEED)
        if full_length is not None:
            full_length = checked_integer("full_length", full_length, 0)
        batch, chunks = latents.shape[0], latents.shape[1] if latents.ndim == 4 else 1
        shape = (batch * chunks, *self._noise_shape(latents))
        given = None if noise is None else checked_noise(noise, shape, steps)
        if latents.ndim == 3:
            draw = self._given_noise(given) if given is not None else self._field(latents, [0] * batch, seed)
            parts = self._decode_windows(latents, draw, steps, max_batch_size)
            return torch.cat([audio for _, audio in parts])[..., :full_length]
        if full_length is None:
            raise CodecError("chunked latents need full_length", "Pass decode(z, full_length=NUMBER_OF_SAMPLES)")
        length = self._checked_chunk_size(latents.shape[-1])
        first_frames = [chunk * self._chunk_step(length) // self.frontend.hop for chunk in range(chunks)] * batch
        draw = self._given_noise(given) if given is not None else self._field(latents, first_frames, seed)
        return self._decode_chunks(latents, length, draw, steps, max_batch_size)[..., :full_length]

    @torch.no_grad()
    def decode_windows(self, z: Tensor | npt.NDArray[Any], first_frames: Sequence[int], seed: int = 0) -> Tensor:
        """Decode `(B, D, T)`, with the noise of absolute latent frames from `first_frames` on: for the studio's grid.

        Raises:
            CodecError: for other shapes, latents that are not finite, or another number of first frames than items.
        """
        self._check_attributes()
        latents = self._checked_latents(z)
        if latents.ndim != 3 or len(first_frames) != len(latents):
            problem = f"latents of shape {tuple(latents.shape)} with {len(first_frames)} first frames"
            raise CodecError(problem, f"They must be (batch, {self.dim}, frames), with one first frame for each item")
        frames = [frame * self.config.generator.time_factor for frame in first_frames]
        draw = self._field(latents, frames, checked_integer("seed", seed, 0, _MAX_SEED))
        return torch.cat([audio for _, audio in self._decode_windows(latents, draw, 1)])

    @torch.no_grad()
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
            representation = self.frontend.to_representation(windows(rows))
            latents: Tensor = encoder.features(representation) if extract_features else encoder(representation)
            return latents.float()

        return torch.cat([out for _, out in self._batches(count, max_batch_size, forward)]) * self.scale_factor

    def _noise_shape(self, latents: Tensor) -> tuple[int, int, int]:
        """The shape of one window's noise: channels, bins, STFT frames."""
        generator = self.config.generator
        return generator.data_channels, 2 * self.frontend.hop, latents.shape[-1] * generator.time_factor

    def _given_noise(self, noise: Tensor) -> _Draw:
        def draw(rows: range, step: int) -> Tensor:
            return (noise[step] if noise.ndim == 5 else noise)[rows.start : rows.stop].to(self.device)

        return draw

    def _field(self, latents: Tensor, first_frames: Sequence[int], seed: int) -> _Draw:
        """The seeded noise field, from which each window takes its own STFT frames."""
        channels, bins, frames = self._noise_shape(latents)

        def draw(rows: range, step: int) -> Tensor:
            fields = [noise_field(seed, first_frames[row], frames, channels * bins, step) for row in rows]
            drawn = torch.from_numpy(np.stack(fields)).to(self.device)
            return drawn.reshape(len(rows), frames, channels, bins).permute(0, 2, 3, 1)

        return draw

    def _decode_windows(
        self, latents: Tensor, draw: _Draw, steps: int, max_batch_size: int | None = None
    ) -> Iterator[tuple[range, Tensor]]:
        """Yield (range of rows, their audio)."""
        network = self._network("decoder")

        def forward(rows: range) -> Tensor:
            batch = latents[rows.start : rows.stop] / self.scale_factor
            clean = sample(network, self.config.diffusion, batch, lambda step: draw(rows, step), steps)
            return self.frontend.to_waveform(clean)

        yield from self._batches(len(latents), max_batch_size, forward)

    def _decode_chunks(
        self, latents: Tensor, length: int, draw: _Draw, steps: int, max_batch_size: int | None
    ) -> Tensor:
        """Overlap-add with linear crossfades, batch by batch: only the output and one batch are in memory."""
        batch, chunks, *_ = latents.shape
        step = self._chunk_step(length)
        out_length = min(length, self.get_decoded_size(latents.shape[-1]))
        out_step = out_length * step // length
        overlap = out_length - out_step
        fade_in = torch.linspace(0.0, 1.0, overlap, device=self.device)
        out = torch.zeros(batch, out_step * (chunks - 1) + out_length, device=self.device)
        flat = latents.reshape(-1, *latents.shape[2:])
        for rows, audio in self._decode_windows(flat, draw, steps, max_batch_size):
            for row, window in zip(rows, audio, strict=True):
                item, chunk = divmod(row, chunks)
                faded = window[:out_length].clone()
                if overlap and chunk > 0:
                    faded[:overlap] *= fade_in
                if overlap and chunk < chunks - 1:
                    faded[-overlap:] *= 1.0 - fade_in
                out[item, chunk * out_step : chunk * out_step + out_length] += faded
        return out

    def _batches(
        self, count: int, max_batch_size: int | None, forward: Callable[[range], Tensor]
    ) -> Iterator[tuple[range, Tensor]]:
        """Run `forward` on ranges of rows; when memory runs out, the batch is halved and a warning logged."""
        size = checked_integer("max_batch_size", self.max_batch_size if max_batch_size is None else max_batch_size, 1)
        start = 0
        while start < count:
            rows = range(start, min(start + size, count))
            out = None
            try:
                out = forward(rows)
            except RuntimeError as error:
                if len(rows) == 1 or not is_out_of_memory(error):
                    raise
            if out is None:  # outside the handler, where the error no longer references intermediate results
                size = len(rows) // 2
                _log.warning("out of memory: continuing with batches of %d", size)
                empty_cache(self.device)
                continue
            yield rows, out
            start = rows.stop

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
        if self.mixed_precision and self.device.type == "cuda":
            return torch.float16
        if self.precision == "fp16" and self.device.type != "cuda":
            raise CodecError("fp16 needs a CUDA device", "Choose auto, fp32 or bf16, or move the model to one")
        if self.precision != "auto":
            return _DTYPES[self.precision]
        return torch.bfloat16 if part == "decoder" and native_bf16(self.device) else torch.float32

    def _network(self, part: Literal["encoder", "decoder"]) -> UNet:
        """The generator in the dtype of encoder or decoder: itself, or a converted copy, remade when weights change.

        A copy, since autocast would convert all weights in every call and run norms in float32, limited by memory.
        """
        weights = list(self.generator.parameters())
        found = {weight.dtype for weight in weights} - {torch.float32}
        if found:
            raise CodecError(f"weights are {found.pop()}", "Call model.float(), and set model.precision instead")
        dtype = self.arithmetic(part)
        if dtype is torch.float32:
            return self.generator
        if self._lowered is None or not self._lowered.is_of(dtype, weights):
            with torch.device("meta"):
                network = UNet(self.config.generator)
            lowered = {key: weight.to(dtype) for key, weight in self.generator.state_dict().items()}
            network.load_state_dict(lowered, assign=True)
            self._lowered = Lowered(network.eval(), dtype, weights)
        return self._lowered.network

    def _check_attributes(self) -> None:
        """Attributes may be set at any time, so they are checked when used."""
        if self.precision not in PRECISIONS:
            raise CodecError(f"there is no precision “{self.precision}”", f"Choose one of {', '.join(PRECISIONS)}")
        if not 0.0 <= self.overlap_percentage < 1.0:
            raise CodecError(f"overlap_percentage {self.overlap_percentage} is not in [0, 1)")
        if self.max_chunk_size is not None:
            checked_integer("max_chunk_size", self.max_chunk_size, self.frontend.n_fft)
        checked_integer("max_batch_size", self.max_batch_size, 1)
        checked_scale_factor(self.scale_factor)

    def _checked_audio(self, x: Tensor | npt.NDArray[Any]) -> Tensor:
        audio = checked_floats(x, "audio")
        if audio.ndim not in (1, 2):
            raise CodecError(f"audio has shape {tuple(audio.shape)}", "It must be (batch, samples) or (samples,)")
        if audio.shape[-1] < self.frontend.n_fft:
            raise CodecError(f"audio of {audio.shape[-1]} samples is too short", f"It needs {self.frontend.n_fft}")
        if len(audio) == 0:
            raise CodecError("audio is an empty batch", "Pass at least one item")
        return (audio.unsqueeze(0) if audio.ndim == 1 else audio).to(self.device)

    def _checked_latents(self, z: Tensor | npt.NDArray[Any]) -> Tensor:
        latents = checked_floats(z, "latents")
        if latents.ndim not in (3, 4) or latents.shape[-2] != self.dim or latents.numel() == 0:
            shape = f"(batch, {self.dim}, frames) or (batch, chunks, {self.dim}, frames), with no dimension of zero"
            raise CodecError(f"latents have shape {tuple(latents.shape)}", f"It must be {shape}")
        return latents.to(self.device)


#: Returns unit-variance noise `(rows, 2, 2*hop, frames)` for a range of rows and a step.
_Draw = Callable[[range, int], Tensor]
