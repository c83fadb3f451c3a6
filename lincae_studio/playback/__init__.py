"""Audio playback: ring buffer, outputs, player. Imports neither Qt nor torch."""
