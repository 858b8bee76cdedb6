"""Warning headers: what an answer says beside its content (specification, Warnings).

Few and short, so that all of one answer stay far below the 4,096 bytes that are allowed.
"""

import re
from collections.abc import Sequence
from typing import Final

from layerstore.api.exchange import Header
from layerstore.oci.descriptor import SCHEMA1, SCHEMA1_SIGNED

SCHEMA1_DEPRECATED: Final = (
    "Schema 1 manifests are deprecated; push this image again with a current client."
)
ONE_OF_MANY: Final = (
    "This tag names images for several platforms; the one for linux/amd64 was sent because the"
    " request takes no index."
)
FALLBACK_TAG: Final = (
    "This registry lists referrers itself; keeping a list of them under a tag is deprecated."
)

NONE: Final[Sequence[Header]] = ()
"""Nothing to say."""

_FALLBACK_TAG: Final = re.compile(r"(?:sha256|sha384|sha512)-[0-9a-f]{64}")


def warning(text: str) -> Header:
    """`text` holds no quotation mark and no backslash."""
    return ("warning", f'299 - "{text}"')


def of_type(media_type: str) -> Sequence[Header]:
    """What there is to say about manifests of a type."""
    return (warning(SCHEMA1_DEPRECATED),) if media_type in (SCHEMA1, SCHEMA1_SIGNED) else NONE


def is_fallback_tag(text: str) -> bool:
    """Whether a reference has the form of the specification's referrers tag."""
    return _FALLBACK_TAG.fullmatch(text) is not None
