"""Dialogs: they show something or ask for values; commands act on the result."""
