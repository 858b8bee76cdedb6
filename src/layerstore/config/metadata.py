"""`metadata`: the database beside the storage."""

from layerstore.config.section import Secret, Section


class Metadata(Section, frozen=True):
    """Ours: The database of what is referenced and what happened, made from the storage."""

    url: Secret = ""
    """Ours: Where it is, such as `postgresql://…`; empty: SQLite in the storage folder."""
