"""What the window shows: the document, what is selected, preferences, the visible span of time. No painting."""
