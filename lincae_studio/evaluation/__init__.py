"""Measuring codecs: figures of quality and linearity, and a page to read and listen to. numpy only; no Qt, no torch."""
