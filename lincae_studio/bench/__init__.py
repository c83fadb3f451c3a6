"""Reproducible benchmarks: quality of the codecs, speed of the program. Used by `lincae-studio bench`."""
