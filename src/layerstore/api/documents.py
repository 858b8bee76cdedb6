"""JSON documents that answers carry."""

from typing import Final

import msgspec


def _as_text(value: object) -> str:
    """A Digest is text, which the encoder knows only in its plain form."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(type(value))


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_text)


def encode(document: object) -> bytes:
    """The document as JSON, without spaces, its fields in their own order."""
    return _ENCODER.encode(document)
