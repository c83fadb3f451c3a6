"""The state that the window shows: document, selection, preferences and visible time range. No painting."""
