"""One typed tree of distribution's own YAML, its REGISTRY_* variables, and our additions.

Here is the tree, for all processes; how one is read and checked stands in `loading.py`, for those
that read one.
"""

from layerstore.config.errors import ConfigError
from layerstore.config.tree import Config

__all__ = ["Config", "ConfigError"]
