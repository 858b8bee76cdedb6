"""Builds the container image: `python -m deploy.image`."""
