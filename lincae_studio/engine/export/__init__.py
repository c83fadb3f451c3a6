"""Export of mixes and stems to files."""
