"""Where objects meet: from a configuration to a registry that answers requests.

Nothing is decided here that a room could decide; the rooms are chosen, filled with settings and
joined, once for each process.
"""

from layerstore.app.notaries import open_notary
from layerstore.app.registries import open_check, open_registry
from layerstore.app.serving import App, build, edge_limits
from layerstore.app.settling import file_problems, settle
from layerstore.app.stores import open_driver, opened_storage, storage_folder, worker_count
from layerstore.app.watching import health_checks

__all__ = [
    "App",
    "build",
    "edge_limits",
    "file_problems",
    "health_checks",
    "open_check",
    "open_driver",
    "open_notary",
    "open_registry",
    "opened_storage",
    "settle",
    "storage_folder",
    "worker_count",
]
