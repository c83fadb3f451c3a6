"""Chunks to latents and audio: the algebra, the codec, the caches, the seams, and the mix with no codec."""
