"""The `_state` of an upload: what its Location carries from one request to the next.

URL-safe base64 of an HMAC-SHA256 and a small JSON document (registry-facts §2.6, Appendix C), the
same text that the original makes from the same secret, so that both can serve one session.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Final

import msgspec

from layerstore.oci.errors import BlobUploadInvalid
from layerstore.oci.name import Name

STATE_LENGTH_MAX: Final = 2_048
"""Characters of a token; the longest name makes one of about 600."""

_MAC_BYTES: Final = 32


class UploadState(msgspec.Struct, frozen=True):
    """Where a session stood when its Location was made. The order of fields is the original's."""

    name: str = msgspec.field(name="Name")
    upload_id: str = msgspec.field(name="UUID")
    offset: int = msgspec.field(name="Offset")
    started_at: str = msgspec.field(name="StartedAt")


class StateSealer:
    """Makes and opens tokens under one secret, given as the bytes of `http.secret`."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = hmac.new(secret, digestmod=hashlib.sha256)

    def seal(self, state: UploadState) -> str:
        text = msgspec.json.encode(state)
        return base64.urlsafe_b64encode(self._mac(text) + text).decode()

    def open(self, token: str | None, name: Name, upload_id: str) -> UploadState:
        """The state in a token; BlobUploadInvalid unless we made it, for this very session."""
        if not token:
            raise BlobUploadInvalid({"_state": "missing; use the Location of the latest answer"})
        state = self._opened(token)
        if state is None:
            raise BlobUploadInvalid("invalid secret")
        if (state.name, state.upload_id) != (name, upload_id):
            raise BlobUploadInvalid("the state belongs to another upload")
        return state

    def _opened(self, token: str) -> UploadState | None:
        sealed = _decoded(token)
        mac, text = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(text)):
            return None
        try:
            return msgspec.json.decode(text, type=UploadState)
        except msgspec.MsgspecError:
            return None

    def _mac(self, text: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text)
        return keyed.digest()


def _decoded(token: str) -> bytes:
    """The bytes of a token; none at all when it is no base64. Lost padding is put back."""
    if len(token) > STATE_LENGTH_MAX:
        return b""
    padded = token.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def written(moment: datetime) -> str:
    """A moment in UTC as the original writes it: RFC 3339, no zeros at a fraction's end."""
    text = moment.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
