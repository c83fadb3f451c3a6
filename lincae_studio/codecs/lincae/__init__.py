"""Lin-CAE: the Linear Consistency Autoencoder (Torres et al., arXiv 2510.23530), and Music2Latent-type models like it.

Needs torch, except for `family`, `folder`, `public` and `install`. Letters: B batch, C channels of the representation
(real, imaginary), F frequency bins, D latent channels, T latent frames, S STFT frames, N samples. State-dict names are
those of the public checkpoints.
"""
