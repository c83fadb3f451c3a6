"""Analyses of latents: linearity, residuals, a stem in a mix."""
