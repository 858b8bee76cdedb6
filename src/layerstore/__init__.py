"""Layerstore, a container (OCI) registry server."""

__version__ = "0.1.0"
