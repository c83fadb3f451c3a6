"""Audio files: importing and conforming, waveform peaks, writing. Imports neither Qt nor torch."""
