"""The latents and coefficients of each chunk of a mix, as pure functions of the session."""
