"""The autoencoder: waveform to latents and back, chunked where asked, reproducible, on any device.

`Autoencoder` has the interface of the reference package `linear-cae` 0.1.4, so that its users change one import line.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, Literal, Self

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from lincae_studio.codecs.lincae.config import DiffusionConfig, FrontendConfig, GeneratorConfig, parse_config
from lincae_studio.codecs.lincae.consistency import sample
from lincae_studio.codecs.lincae.frontend import ScaledComplexStft
from lincae_studio.codecs.lincae.noise import noise_field
from lincae_studio.codecs.lincae.unet import UNet
from lincae_studio.errors import CodecError

Precision = Literal["auto", "fp32", "bf16", "fp16"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Autoencoder(nn.Module):
    """A Music2Latent-type consistency autoencoder.

    Latents are multiplied by `scale_factor` after encoding and divided by it before decoding.

    Args:
        frontend_kwargs, generator_kwargs, diffusion_kwargs: options as in the public YAML files, see `config`.
        scale_factor: of the latents.
        max_chunk_size: samples; longer audio is encoded in overlapping chunks. None never chunks.
        overlap_percentage: share of a chunk that overlaps the next, in [0, 1).
        max_batch_size: windows per forward pass.
        precision: of the arithmetic: `fp32`, `bf16`, `fp16` (CUDA only), or `auto`: encoder fp32, decoder bf16 where
            the device computes it natively, else fp32.
        name: how errors call it.
    """

    def __init__(
        self,
        frontend_kwargs: dict[str, Any] | FrontendConfig,
        generator_kwargs: dict[str, Any] | GeneratorConfig,
        diffusion_kwargs: dict[str, Any] | DiffusionConfig,
        *,
        scale_factor: float = 1.0,
        max_chunk_size: int | None = None,
        overlap_percentage: float = 0.25,
        max_batch_size: int = 1,
        precision: Precision = "auto",
        name: str = "model",
    ) -> None:
        super().__init__()
        if not 0.0 <= overlap_percentage < 1.0:
            raise CodecError(f"overlap_percentage {overlap_percentage} is not in [0, 1)")
        if max_batch_size < 1:
            raise CodecError(f"max_batch_size {max_batch_size} is not at least 1")
        if not scale_factor > 0.0:
            raise CodecError(f"scale_factor {scale_factor} is not positive")
        if precision not in ("auto", *_DTYPES):
            raise CodecError(f"there is no precision {precision!r}", "Choose auto, fp32, bf16 or fp16")
        self.config = parse_config(frontend_kwargs, generator_kwargs, diffusion_kwargs, name)
        self.frontend = ScaledComplexStft(self.config.frontend)
        self.generator = UNet(self.config.generator)
        self.scale_factor = float(scale_factor)
        self.max_chunk_size = max_chunk_size
        self.overlap_percentage = overlap_percentage
        self.max_batch_size = max_batch_size
        self.precision: Precision = precision
        self.name = name
        self.eval()

    @classmethod
    def from_pretrained(cls, model_id_or_path: str | PathLike[str], **options: Any) -> Self:
        """Load `m2l`, `lin-cae`, `lin-cae-2` from the hub, or a local folder. See `pretrained.load_pretrained`."""
        from lincae_studio.codecs.lincae.pretrained import load_pretrained

        return load_pretrained(cls, model_id_or_path, **options)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def sample_rate(self) -> int:
        """In Hz; the public configurations that leave it out are at 44.1 kHz."""
        return self.config.frontend.sample_rate or 44_100

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
        digest = hashlib.sha256(msgspec.msgpack.encode(self.config))
        digest.update(repr((self.scale_factor, str(self._dtype("encoder")), str(self._dtype("decoder")))).encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def get_latent_size(self, audio_length: int) -> int:
        """Latent frames T of that many samples."""
        frames = self.frontend.frames(audio_length)
        for _ in range(self.config.generator.freq_downsample_list.count(0)):
            frames = (frames - 1) // 2 + 1
        return frames

    def get_decoded_size(self, latent_length: int) -> int:
        """Samples that decoding so many latent frames gives."""
        return self.frontend.samples(latent_length * self.config.generator.time_factor)

    @torch.no_grad()
    def encode(self, x: Tensor, extract_features: bool = False, max_batch_size: int | None = None) -> Tensor:
        """Encode audio.

        Args:
            x: `(B, N)` or `(N,)` samples.
            extract_features: return what the bottleneck sees instead of latents.
            max_batch_size: instead of the model's own.

        Returns:
            `(B, D, T)`; `(B, chunks, D, T)` for audio longer than `max_chunk_size`.

        Raises:
            CodecError: for other ranks, samples that are not finite, or less than one STFT window.
        """
        audio = self._checked_audio(x)
        length = self.max_chunk_size
        if length is None or audio.shape[-1] <= length:
            return self._encode_windows(audio, extract_features, max_batch_size)
        step = self._chunk_step(length)
        padding = (step - (audio.shape[-1] - length) % step) % step
        chunks = functional.pad(audio, (0, padding)).unfold(-1, length, step)
        encoded = self._encode_windows(chunks.reshape(-1, length), extract_features, max_batch_size)
        return encoded.reshape(*chunks.shape[:2], *encoded.shape[1:])

    @torch.no_grad()
    def extract_features(self, x: Tensor) -> Tensor:
        """What the bottleneck sees: `(B, features, T)`."""
        return self.encode(x, extract_features=True)

    @torch.no_grad()
    def decode(
        self,
        z: Tensor,
        full_length: int | None = None,
        *,
        diffusion_steps: int = 1,
        seed: int = 0,
        noise: Tensor | None = None,
        max_batch_size: int | None = None,
    ) -> Tensor:
        """Decode latents; the argument is not changed.

        Args:
            z: `(B, D, T)`, or `(B, chunks, D, T)` as `encode` gave it.
            full_length: samples to return; required for chunked latents.
            diffusion_steps: evaluations of the model.
            seed: chooses the noise field. Equal seeds give equal audio whatever the batch size.
            noise: unit-variance `(B*chunks, 2, 2*hop, frames)` instead of the field, the same at every step, or
                `(steps, B*chunks, 2, 2*hop, frames)`.

        Returns:
            `(B, N)`.

        Raises:
            CodecError: for other shapes, or latents that are not finite.
        """
        latents = self._checked_latents(z)
        if diffusion_steps < 1:
            raise CodecError(f"diffusion_steps {diffusion_steps} is not at least 1")
        if latents.ndim == 3:
            parts = self._decode_windows(latents, [0] * len(latents), diffusion_steps, seed, noise, max_batch_size)
            return torch.cat([audio for _, audio in parts])[..., :full_length]
        if full_length is None:
            raise CodecError("chunked latents need full_length", "Pass decode(z, full_length=samples of the audio)")
        if self.max_chunk_size is None:
            raise CodecError("chunked latents need max_chunk_size", "Set the one that encoded them")
        return self._decode_chunks(
            latents, self.max_chunk_size, full_length, diffusion_steps, seed, noise, max_batch_size
        )

    @torch.no_grad()
    def decode_windows(self, z: Tensor, first_frames: list[int], seed: int = 0) -> Tensor:
        """Decode `(B, D, T)` whose noise begins at absolute latent frames: what the studio's grid uses."""
        frames = [frame * self.config.generator.time_factor for frame in first_frames]
        return torch.cat([audio for _, audio in self._decode_windows(self._checked_latents(z), frames, 1, seed)])

    @torch.no_grad()
    def silence_latent(self, frames: int = 1) -> Tensor:
        """Latents `(D, frames)` of digital silence: the origin of the affine algebra."""
        samples = self.get_decoded_size(frames)
        return self._encode_windows(torch.zeros(1, samples, device=self.device))[0]

    def _encode_windows(
        self, windows: Tensor, extract_features: bool = False, max_batch_size: int | None = None
    ) -> Tensor:
        def forward(batch: Tensor) -> Tensor:
            representation = self.frontend.to_representation(batch)
            with self._arithmetic("encoder"):
                if extract_features:
                    return self.generator.encoder.features(representation).float()
                latents: Tensor = self.generator.encoder(representation)
            return latents.float()

        encoded = torch.cat(
            [out for _, out in self._batches(len(windows), max_batch_size, lambda r: forward(windows[r]))]
        )
        return encoded * self.scale_factor

    def _decode_windows(
        self,
        latents: Tensor,
        first_frames: list[int],
        steps: int,
        seed: int,
        noise: Tensor | None = None,
        max_batch_size: int | None = None,
    ) -> Iterator[tuple[range, Tensor]]:
        """Yield (batch rows, their audio); `first_frames` are STFT frames of the noise field."""
        frames = latents.shape[-1] * self.config.generator.time_factor
        shape = (self.config.generator.data_channels, 2 * self.frontend.hop, frames)
        if noise is not None and noise.shape[-4:] != (len(latents), *shape):
            raise CodecError(f"noise has shape {tuple(noise.shape)}", f"It must be {(len(latents), *shape)}")

        def forward(rows: range) -> Tensor:
            def noise_of(step: int) -> Tensor:
                if noise is not None:
                    return (noise[step] if noise.ndim == 5 else noise)[rows.start : rows.stop].to(self.device)
                fields = [
                    torch.from_numpy(noise_field(seed, first_frames[row], frames, *shape[:2], step)) for row in rows
                ]
                return torch.stack(fields).to(self.device)

            batch = latents[rows.start : rows.stop] / self.scale_factor
            with self._arithmetic("decoder"):
                clean = sample(self.generator, self.config.diffusion, batch, noise_of, steps)
            return self.frontend.to_waveform(clean)

        yield from self._batches(len(latents), max_batch_size, forward)

    def _decode_chunks(
        self,
        latents: Tensor,
        length: int,
        full_length: int,
        steps: int,
        seed: int,
        noise: Tensor | None,
        max_batch_size: int | None,
    ) -> Tensor:
        """Overlap-add with linear crossfades, batch by batch: memory holds the output and one batch."""
        batch, chunks, *_ = latents.shape
        step = self._chunk_step(length)
        out_length = min(length, self.get_decoded_size(latents.shape[-1]))
        out_step = out_length * step // length
        overlap = out_length - out_step
        fade_in = torch.linspace(0.0, 1.0, overlap, device=self.device)
        out = torch.zeros(batch, out_step * (chunks - 1) + out_length, device=self.device)
        first_frames = [chunk * step // self.frontend.hop for _ in range(batch) for chunk in range(chunks)]
        flat = latents.reshape(-1, *latents.shape[2:])
        for rows, audio in self._decode_windows(flat, first_frames, steps, seed, noise, max_batch_size):
            for row, window in zip(rows, audio, strict=True):
                item, chunk = divmod(row, chunks)
                faded = window[:out_length].clone()
                if overlap and chunk > 0:
                    faded[:overlap] *= fade_in
                if overlap and chunk < chunks - 1:
                    faded[-overlap:] *= 1.0 - fade_in
                out[item, chunk * out_step : chunk * out_step + out_length] += faded
        return out[..., :full_length]

    def _batches(
        self, count: int, max_batch_size: int | None, forward: Callable[[range], Tensor]
    ) -> Iterator[tuple[range, Tensor]]:
        """Run `forward` on ranges of rows; out of memory, the batch is halved, with a warning."""
        size = max_batch_size or self.max_batch_size
        start = 0
        while start < count:
            rows = range(start, min(start + size, count))
            try:
                yield rows, forward(rows)
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                size = max(1, size // 2)
                warnings.warn(f"out of memory: going on with batches of {size}", stacklevel=2)
                torch.cuda.empty_cache()
                continue
            start = rows.stop

    def _chunk_step(self, length: int) -> int:
        return length - int(length * self.overlap_percentage)

    def _dtype(self, part: Literal["encoder", "decoder"]) -> torch.dtype:
        if self.precision != "auto":
            return _DTYPES[self.precision]
        return torch.bfloat16 if part == "decoder" and _native_bf16(self.device) else torch.float32

    def _arithmetic(self, part: Literal["encoder", "decoder"]) -> torch.autocast:
        dtype = self._dtype(part)
        return torch.autocast(self.device.type, dtype, enabled=dtype is not torch.float32)

    def _checked_audio(self, x: Tensor) -> Tensor:
        audio = x.unsqueeze(0) if x.ndim == 1 else x
        if audio.ndim != 2:
            raise CodecError(f"audio has shape {tuple(x.shape)}", "It must be (batch, samples) or (samples,)")
        if audio.shape[-1] < self.frontend.n_fft:
            raise CodecError(f"audio of {audio.shape[-1]} samples is too short", f"It needs {self.frontend.n_fft}")
        audio = audio.to(self.device, torch.float32)
        if not torch.isfinite(audio).all():
            raise CodecError("audio contains NaN or infinite samples", "Replace them before encoding")
        return audio

    def _checked_latents(self, z: Tensor) -> Tensor:
        if z.ndim not in (3, 4) or z.shape[-2] != self.dim:
            shape = f"(batch, {self.dim}, frames) or (batch, chunks, {self.dim}, frames)"
            raise CodecError(f"latents have shape {tuple(z.shape)}", f"It must be {shape}")
        latents = z.to(self.device, torch.float32)
        if not torch.isfinite(latents).all():
            raise CodecError("latents contain NaN or infinite values", "Replace them before decoding")
        return latents


def _native_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
