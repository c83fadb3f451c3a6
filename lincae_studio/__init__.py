"""LinCAE Studio: a multitrack editor whose mixer works in the latent space of an audio autoencoder.

Importing the package imports nothing heavy: neither Qt, torch nor numpy.
"""

__version__ = "0.1.0"
