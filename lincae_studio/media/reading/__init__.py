"""Reading audio files as they are, not as their headers say."""
