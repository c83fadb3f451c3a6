"""Latents as files: bundles of sessions, and files of latents alone."""
