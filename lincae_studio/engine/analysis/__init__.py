"""Analysis of latents: linearity, residuals, and finding a stem in a mix."""
