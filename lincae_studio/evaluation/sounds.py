"""Audio inside a page, as data URIs. Any thread."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile as sf

from lincae_studio.codecs.base import Array

#: Samples written at a time: the Vorbis encoder keeps what it is given on the stack.
_BLOCK = 4096

#: Compression levels of libsndfile, from 0 to 1: Vorbis quality 8, some 100 kbit/s of mono.
_VORBIS_LEVEL = 0.2


def audio_uri(signal: Array, sample_rate: int, *, lossless: bool) -> str:
    """Samples `(N,)` as Ogg Vorbis, or as FLAC of 16 bits; those beyond full scale are clipped."""
    out = io.BytesIO()
    kind = (
        {"format": "FLAC", "subtype": "PCM_16"}
        if lossless
        else {"format": "OGG", "subtype": "VORBIS", "compression_level": _VORBIS_LEVEL}
    )
    with sf.SoundFile(out, "w", sample_rate, 1, **kind) as file:
        for start in range(0, len(signal), _BLOCK):
            file.write(np.clip(signal[start : start + _BLOCK], -1.0, 1.0))
    return f"data:audio/{'flac' if lossless else 'ogg'};base64,{base64.b64encode(out.getvalue()).decode()}"
