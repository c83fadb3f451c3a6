"""Compiled convolutions for LinCAE Studio, which finds the libraries beside this file (`codecs/compiled.py`)."""
