"""Latents in files: bundles of whole sessions, and files with latents only."""
