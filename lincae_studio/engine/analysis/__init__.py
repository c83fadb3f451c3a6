"""What latents tell: linearity, residuals, a stem in a mix."""
