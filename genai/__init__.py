"""The science: models, noise, training, sampling, formats. No Ray, no network, no CLI."""

__version__ = "0.1.0"
