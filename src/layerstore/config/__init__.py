"""One typed tree of distribution's own YAML, its REGISTRY_* variables, and our additions."""

from layerstore.config.errors import ConfigError
from layerstore.config.loading import Loaded, defaults_without_file, load, read
from layerstore.config.tree import Config

__all__ = ["Config", "ConfigError", "Loaded", "defaults_without_file", "load", "read"]
