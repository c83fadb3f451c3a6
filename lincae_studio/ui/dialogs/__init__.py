"""Dialogs: they ask, or show, and return values; commands act on them."""
