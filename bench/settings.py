"""What the environment may make smaller, for a rehearsal or a smaller disk; the page tells sizes.

Everything else is a constant beside what it is for.
"""

from __future__ import annotations

import os

MINUTES = float(os.environ.get("LAYERSTORE_BENCH_MINUTES", "20"))
"""How long `memory-long` goes on with each server."""

PUSH_MIB = int(os.environ.get("LAYERSTORE_BENCH_PUSH_MIB", "1024"))
"""The size of each of the blobs that `memory-pushes` pushes beside each other."""

DOCKER_LAYER_MIB = int(os.environ.get("LAYERSTORE_BENCH_DOCKER_LAYER_MIB", "57"))
"""The size of a layer of the image that Docker pushes and pulls."""

SCALE = tuple(int(x) for x in os.environ.get("LAYERSTORE_BENCH_SCALE", "1,10,100,1000").split(","))
"""The sizes at which growth is measured, as multiples of the first."""

GROWTH_SECONDS = float(os.environ.get("LAYERSTORE_BENCH_GROWTH_SECONDS", "0.5"))
"""How long an operation is repeated at each size."""
