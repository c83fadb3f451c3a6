"""Audio files: import and conform, peaks pyramids, export. No Qt, no torch."""
