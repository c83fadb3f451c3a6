"""Mixes and stems to files."""
