"""Models to compare with, under the names of the reference package `linear-cae`. Python interface; loads torch."""

from __future__ import annotations

from lincae_studio.codecs.packages import require

require("torch", "diffusers")

from lincae_studio.codecs.diffusers.baseline import StableAudioVAE  # noqa: E402

__all__ = ["StableAudioVAE"]
