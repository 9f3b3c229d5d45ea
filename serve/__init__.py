"""The HTTP service: a predictor behind `POST /pose`."""

from unipose import __version__ as __version__  # before all else: it has other imports' errors told in a line
