"""Layerstore beside Debian's docker-registry and nginx: `make bench`, with SCENARIO= for some."""
