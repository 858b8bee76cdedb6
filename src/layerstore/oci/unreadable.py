"""Why a document of JSON could not be read, in words for whoever wrote it."""

import json
from typing import Final

_CUT_SHORT: Final = "truncated"
"""In the decoder's words; it says so of half a surrogate pair near the end, too."""

_SURROGATE: Final = "surrogate"


def reason_of(error: Exception, content: bytes) -> str:
    """What msgspec's decoder raised, in words; its own where they say it well."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "a text in it is not UTF-8"
    words = str(error)
    if _SURROGATE in words or (_CUT_SHORT in words and _is_whole(content)):
        return "half of a surrogate pair stands alone in a text"
    return "it ends too early" if _CUT_SHORT in words else words


def _is_whole(content: bytes) -> bool:
    """Whether a decoder that lets half a pair pass reads it to the end."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
