"""What GET and HEAD of a manifest answer: the table of decisions 6, row by row."""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from layerstore.api.options import ACCEPT_ENTRIES_MAX
from layerstore.oci.descriptor import (
    DOCKER_MANIFEST,
    INDEX_TYPES,
    JSON,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
)
from layerstore.oci.errors import ManifestNotAcceptable

ACCEPTS_KEPT: Final = 64
"""Accept headers that stay taken apart."""

_ANYTHING: Final = ("*/*", "application/*", JSON)
_ONE_IMAGE: Final = (DOCKER_MANIFEST, OCI_MANIFEST)
_SCHEMA1_TYPES: Final = (SCHEMA1, SCHEMA1_SIGNED)
_QUALITY: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")
_DOCKER_BEFORE_SCHEMA2: Final = re.compile(r"docker/1\.[0-9](?:[.\-+ ]|$)")


class Rendering(Enum):
    """In which form a stored manifest is sent."""

    AS_STORED = auto()
    LINUX_AMD64 = auto()
    SCHEMA1 = auto()


class Accept:
    """The types that a client takes, by the joined lines of its Accept header.

    Parameters other than q are ignored, and so is a q that cannot be read; of a type named more
    than once the last word counts, and only the first 64 entries do.
    """

    def __init__(self, text: str | None) -> None:
        entries = (text or "").split(",", ACCEPT_ENTRIES_MAX)[:ACCEPT_ENTRIES_MAX]
        self._qualities = dict(_entry(entry) for entry in entries if entry.strip())
        self._taken = {name for name, quality in self._qualities.items() if quality > 0}

    def takes(self, *media_types: str) -> bool:
        """Whether one of these is named, and not refused."""
        return not self._taken.isdisjoint(media_types)

    def refuses(self, media_type: str) -> bool:
        """Whether this very type is named with q=0."""
        return self._qualities.get(media_type) == 0

    @property
    def takes_anything(self) -> bool:
        return not self._qualities or self.takes(*_ANYTHING)


accepted: Final = lru_cache(ACCEPTS_KEPT)(Accept)
"""The same object for the same text: clients of one kind all say the same."""


def _entry(text: str) -> tuple[str, float]:
    media_type, *parameters = text.split(";")
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q" and _QUALITY.fullmatch(value.strip()):
            quality = float(value.strip())
    return media_type.strip().lower(), quality


def choose(
    stored: str, *, by_tag: bool, accept: Accept, agent: str | None = None, schema1: bool = False
) -> Rendering:
    """How to send a manifest that is stored as this media type.

    `schema1` says whether schema 1 is switched on. A Docker daemon that is older than schema 2
    says nothing of it in Accept; it is known by its User-Agent, and asked for before all else.
    Who knows schema 1 only gets it of an image in an index too (registry-facts §1.10): the image
    is chosen first, and then asked about again. Raises ManifestNotAcceptable.
    """
    if not by_tag or accept.takes(stored):
        return Rendering.AS_STORED
    is_old = schema1 and _is_old_docker(agent)
    if accept.takes_anything and not is_old:
        return Rendering.AS_STORED
    takes_schema1 = is_old or (schema1 and accept.takes(*_SCHEMA1_TYPES))
    takes_one = takes_schema1 or accept.takes(*_ONE_IMAGE)
    if stored in INDEX_TYPES and takes_one and not accept.takes(*INDEX_TYPES):
        return Rendering.LINUX_AMD64
    if stored == DOCKER_MANIFEST and takes_schema1:
        return Rendering.SCHEMA1
    if accept.refuses(stored):
        raise ManifestNotAcceptable({"mediaType": stored})
    return Rendering.AS_STORED


def _is_old_docker(agent: str | None) -> bool:
    return agent is not None and _DOCKER_BEFORE_SCHEMA2.match(agent) is not None
