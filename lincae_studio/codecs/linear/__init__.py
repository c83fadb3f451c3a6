"""Learned codecs with a linear encoder, and a decoder that scales with its input; numpy only.

`config` is the description of one, `transform` its lapped transform, `decoder` the network, `codec` the codec,
`folder` its files, `family` what the registry knows. They are trained by `training.linear`. `preview` is the same
decoder for the latents of other codecs, trained by `training.distill`.
"""
