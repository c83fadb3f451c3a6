"""Audio autoencoders of the package diffusers: folders with a `config.json` that names the class, and safetensors.

The networks are those of diffusers, an optional package; facts are read from `config.json` without it. Letters: B
batch, C channels of audio, D latent channels, T latent frames, N samples.
"""
