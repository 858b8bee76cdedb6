"""Signatures of version 4, as S3 wants them: in headers, and in the query of an address.

Pure: the moment is an argument (AWS General Reference, "Signature Version 4").
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""In place of a body's digest, where TLS protects the body."""

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()

_ALGORITHM: Final = "AWS4-HMAC-SHA256"

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. `token` belongs to credentials that were lent."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: `path` is encoded already."""

    method: str
    host: str
    path: str
    query: Query = ()


def encoded(text: str, safe: str = "") -> str:
    """The text with everything but unreserved characters as `%XX`."""
    return quote(text, safe=f"-_.~{safe}")


def query_text(query: Query) -> str:
    """The query in the order and the encoding in which it is signed."""
    return "&".join(sorted(f"{encoded(name)}={encoded(value)}" for name, value in query))


class Signer:
    """Signs for one region."""

    def __init__(self, region: str, service: str = "s3") -> None:
        self._region = region
        self._service = service
        self._keys: dict[tuple[str, str], bytes] = {}

    def headers(
        self,
        target: Target,
        headers: Mapping[str, str],
        content_sha256: str,
        credentials: Credentials,
        at: datetime,
    ) -> dict[str, str]:
        """The headers, with those that sign them. Names are given in lower case."""
        moment = f"{at:%Y%m%dT%H%M%SZ}"
        signed = {
            **headers,
            "host": target.host,
            "x-amz-content-sha256": content_sha256,
            "x-amz-date": moment,
        }
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        signature = self._signature(target, target.query, signed, content_sha256, credentials, at)
        names = ";".join(sorted(signed))
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{self._scope(at)}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def query(self, target: Target, credentials: Credentials, at: datetime, lifetime_s: int) -> str:
        """The query of an address that needs no headers, for so many seconds."""
        query = [
            *target.query,
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", f"{credentials.access_key}/{self._scope(at)}"),
            ("X-Amz-Date", f"{at:%Y%m%dT%H%M%SZ}"),
            ("X-Amz-Expires", str(lifetime_s)),
            ("X-Amz-SignedHeaders", "host"),
        ]
        if credentials.token:
            query.append(("X-Amz-Security-Token", credentials.token))
        headers = {"host": target.host}
        signature = self._signature(target, query, headers, UNSIGNED, credentials, at)
        return f"{query_text(query)}&X-Amz-Signature={signature}"

    def _scope(self, at: datetime) -> str:
        return f"{at:%Y%m%d}/{self._region}/{self._service}/aws4_request"

    def _signature(
        self,
        target: Target,
        query: Query,
        headers: Mapping[str, str],
        content_sha256: str,
        credentials: Credentials,
        at: datetime,
    ) -> str:
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
        request = "\n".join(
            (
                target.method,
                target.path,
                query_text(query),
                lines,
                ";".join(sorted(headers)),
                content_sha256,
            )
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join((_ALGORITHM, f"{at:%Y%m%dT%H%M%SZ}", self._scope(at), digest))
        return _hmac(self._key(credentials.secret_key, f"{at:%Y%m%d}"), text).hex()

    def _key(self, secret: str, day: str) -> bytes:
        """The key of one day, which many requests need."""
        found = self._keys.get((secret, day))
        if found is None:
            found = f"AWS4{secret}".encode()
            for step in (day, self._region, self._service, "aws4_request"):
                found = _hmac(found, step)
            self._keys = {(secret, day): found}
        return found


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
