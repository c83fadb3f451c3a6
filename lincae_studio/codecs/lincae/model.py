"""The model: waveform to latents and back, chunked where asked, reproducible, on any device."""

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

    Latents are multiplied by `scale_factor` after encoding and divided by it before decoding. Out of memory, batches
    are halved, which is logged as a warning. On a CPU, decoding a lot is faster after `malloc.keep_freed()`.

    Args:
        frontend_kwargs, generator_kwargs, diffusion_kwargs: options as in the public YAML files, see `config`.
        max_batch_size: windows per forward pass.
        scale_factor: of the latents.
        max_chunk_size: samples; longer audio is encoded in overlapping chunks. None never chunks.
        overlap_percentage: share of a chunk that overlaps the next, in [0, 1).
        precision: of the arithmetic: `fp32`, `bf16`, `fp16` (CUDA only), or `auto`: encoder fp32, decoder bf16 where
            the device computes it natively, else fp32. On CUDA torch lets convolutions of `fp32` round their factors
            to TF32, 10 bits, unless `torch.backends.cudnn.allow_tf32` is False.
        mixed_precision: as `linear-cae` has it: fp16 on CUDA, whatever `precision`; of no effect on other devices.
        name: how errors call it.

    The arguments but the first three, and `name`, are attributes that may be set later. Weights stay in float32.
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
        # Channels last is what the fast convolutions of every device want; the values are the same.
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
        """Forget the copy of the weights in fewer bits.

        Changed and replaced weights are noticed, and this need not be called; but torch does not tell of writes through
        `weight.data`, nor of any to weights that were made in inference mode.
        """
        self._lowered = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lowered": None}

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
    def encode(
        self, x: Tensor | npt.NDArray[Any], extract_features: bool = False, max_batch_size: int | None = None
    ) -> Tensor:
        """Encode audio.

        Args:
            x: `(B, N)` or `(N,)` samples.
            extract_features: return what the bottleneck sees instead of latents.
            max_batch_size: instead of the model's own.

        Returns:
            `(B, D, T)`; `(B, chunks, D, T)` for audio longer than `max_chunk_size`.

        Raises:
            CodecError: for other ranks and types, no items, samples that are not finite, or less than one STFT window.
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
        """What the bottleneck sees: `(B, features, T)`."""
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
            z: `(B, D, T)`, or `(B, chunks, D, T)` as `encode` gave it, decoded with the chunk size and overlap that
                encoded it.
            full_length: samples to return, at least 0; required for chunked latents. Latents cover
                `get_decoded_size(T)` samples. Fewer are cut off at the end; where more are asked for, those that are
                covered are returned, as `linear-cae` does: audio may end up to one hop of the STFT later.
            diffusion_steps: evaluations of the model.
            seed: chooses the noise field, in [0, 2**64). Equal seeds give equal audio whatever the batch size.
            noise: unit-variance `(B*chunks, 2, 2*hop, frames)` instead of the field, the same at every step, or
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
            raise CodecError("chunked latents need full_length", "Pass decode(z, full_length=samples of the audio)")
        length = self._checked_chunk_size(latents.shape[-1])
        first_frames = [chunk * self._chunk_step(length) // self.frontend.hop for chunk in range(chunks)] * batch
        draw = self._given_noise(given) if given is not None else self._field(latents, first_frames, seed)
        return self._decode_chunks(latents, length, draw, steps, max_batch_size)[..., :full_length]

    @torch.no_grad()
    def decode_windows(self, z: Tensor | npt.NDArray[Any], first_frames: Sequence[int], seed: int = 0) -> Tensor:
        """Decode `(B, D, T)` whose noise begins at absolute latent frames: what the studio's grid uses.

        Raises:
            CodecError: for other shapes, latents that are not finite, or not one first frame for each item.
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
        """Encode `count` windows; `windows` gives those of a range of rows."""
        encoder = self._network("encoder").encoder

        def forward(rows: range) -> Tensor:
            representation = self.frontend.to_representation(windows(rows))
            latents: Tensor = encoder.features(representation) if extract_features else encoder(representation)
            return latents.float()

        return torch.cat([out for _, out in self._batches(count, max_batch_size, forward)]) * self.scale_factor

    def _noise_shape(self, latents: Tensor) -> tuple[int, int, int]:
        """Of one window's noise: channels, bins, STFT frames."""
        generator = self.config.generator
        return generator.data_channels, 2 * self.frontend.hop, latents.shape[-1] * generator.time_factor

    def _given_noise(self, noise: Tensor) -> _Draw:
        def draw(rows: range, step: int) -> Tensor:
            return (noise[step] if noise.ndim == 5 else noise)[rows.start : rows.stop].to(self.device)

        return draw

    def _field(self, latents: Tensor, first_frames: Sequence[int], seed: int) -> _Draw:
        """The seeded noise field, of which each window sees its own STFT frames."""
        channels, bins, frames = self._noise_shape(latents)

        def draw(rows: range, step: int) -> Tensor:
            fields = [noise_field(seed, first_frames[row], frames, channels * bins, step) for row in rows]
            drawn = torch.from_numpy(np.stack(fields)).to(self.device)
            return drawn.reshape(len(rows), frames, channels, bins).permute(0, 2, 3, 1)

        return draw

    def _decode_windows(
        self, latents: Tensor, draw: _Draw, steps: int, max_batch_size: int | None = None
    ) -> Iterator[tuple[range, Tensor]]:
        """Yield (batch rows, their audio)."""
        network = self._network("decoder")

        def forward(rows: range) -> Tensor:
            batch = latents[rows.start : rows.stop] / self.scale_factor
            clean = sample(network, self.config.diffusion, batch, lambda step: draw(rows, step), steps)
            return self.frontend.to_waveform(clean)

        yield from self._batches(len(latents), max_batch_size, forward)

    def _decode_chunks(
        self, latents: Tensor, length: int, draw: _Draw, steps: int, max_batch_size: int | None
    ) -> Tensor:
        """Overlap-add with linear crossfades, batch by batch: memory holds the output and one batch."""
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
        """Run `forward` on ranges of rows; out of memory, the batch is halved, and a warning logged."""
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
            if out is None:  # only now has the error let go of what was computed so far
                size = len(rows) // 2
                _log.warning("out of memory: going on with batches of %d", size)
                empty_cache(self.device)
                continue
            yield rows, out
            start = rows.stop

    def _checked_chunk_size(self, latent_frames: int) -> int:
        """The chunk size that chunked latents were made with, as far as their length tells."""
        length = self.max_chunk_size
        if length is None:
            raise CodecError("chunked latents need max_chunk_size", "Set the one that encoded them")
        expected = self.get_latent_size(length)
        if latent_frames != expected:
            raise CodecError(
                f"chunks of {latent_frames} latent frames were not encoded with max_chunk_size {length}, "
                f"which gives {expected}",
                "Set the max_chunk_size and overlap_percentage that encoded them",
            )
        return length

    def _chunk_step(self, length: int) -> int:
        return length - int(length * self.overlap_percentage)

    def arithmetic(self, part: Literal["encoder", "decoder"]) -> torch.dtype:
        """What a part computes in on this device."""
        self._check_attributes()
        if self.mixed_precision and self.device.type == "cuda":
            return torch.float16
        if self.precision == "fp16" and self.device.type != "cuda":
            raise CodecError("fp16 needs a CUDA device", "Choose auto, fp32 or bf16, or move the model to one")
        if self.precision != "auto":
            return _DTYPES[self.precision]
        return torch.bfloat16 if part == "decoder" and native_bf16(self.device) else torch.float32

    def _network(self, part: Literal["encoder", "decoder"]) -> UNet:
        """The generator in a part's arithmetic: itself, or a copy of fewer bits, rebuilt when weights have changed.

        A copy, not autocast: that casts all weights in every call, and runs norms in float32, which waits for memory.
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
        """Attributes may be set at any time, so they are checked where they are used."""
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
            shape = f"(batch, {self.dim}, frames) or (batch, chunks, {self.dim}, frames), none of them zero"
            raise CodecError(f"latents have shape {tuple(latents.shape)}", f"It must be {shape}")
        return latents.to(self.device)


#: Unit-variance noise `(rows, 2, 2*hop, frames)` of a range of rows, at a step.
_Draw = Callable[[range, int], Tensor]
