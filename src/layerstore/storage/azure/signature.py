"""Signatures with an account's key, or with one that the store lent to a user.

Pure: the moment is an argument (Azure's documentation, "Authorize with Shared Key", "Create a
service SAS", "Create a user delegation SAS").
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from layerstore.storage.azure.address import Query, query_text
from layerstore.storage.objects.unusable import StoreUnusable

VERSION: Final = "2022-11-02"
"""Of the protocol, and of what is signed."""

BACKDATED: Final = timedelta(minutes=5)
"""How much earlier a signed address begins to be good, for clocks differ."""

_SIGNED_HEADERS: Final = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type"),
    *("date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)


@dataclass(frozen=True, slots=True)
class SharedKey:
    """The key of an account."""

    account: str
    key: bytes

    @classmethod
    def of(cls, account: str, key: str) -> "SharedKey":
        """Raises StoreUnusable."""
        try:
            return cls(account, b64decode(key, validate=True))
        except ValueError as error:
            raise StoreUnusable("accountkey is no text in base64") from error

    def authorization(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], size: int
    ) -> str:
        """The value of the header; names of headers are in lower case, `path` is encoded."""
        known = {**headers, "content-length": str(size) if size else ""}
        plain = [known.get(name, "") for name in _SIGNED_HEADERS]
        ours = [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-")]
        asked = [f"{name.lower()}:{value}" for name, value in sorted(query)]
        text = "\n".join([method, *plain, *ours, f"/{self.account}{path}", *asked])
        return f"SharedKey {self.account}:{_signed(self.key, text)}"


@dataclass(frozen=True, slots=True)
class LentKey:
    """A key that a user was lent, and what the store has to know to recognise it."""

    owner: str
    tenant: str
    starts: str
    ends: str
    service: str
    version: str
    key: bytes

    def query(self) -> Query:
        return (
            ("skoid", self.owner),
            ("sktid", self.tenant),
            ("skt", self.starts),
            ("ske", self.ends),
            ("sks", self.service),
            ("skv", self.version),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """That whoever has the address may read this blob, from then until then."""

    account: str
    container: str
    blob: str
    start: datetime
    end: datetime

    @classmethod
    def lasting(
        cls, account: str, container: str, blob: str, at: datetime, lifetime_s: int
    ) -> "Reading":
        end = at + timedelta(seconds=lifetime_s)
        return cls(account, container, blob, at - BACKDATED, end)

    def by_account(self, key: SharedKey) -> str:
        """The query of the address, signed by the account."""
        who: tuple[str, ...] = ("", "", VERSION, "b", "", "", "", "", "", "", "")
        lines = ("r", *self._times, self._resource, "", *who)
        return self._query((), _signed(key.key, "\n".join(lines)))

    def by_user(self, key: LentKey) -> str:
        """The same, signed by a user."""
        lent = key.query()
        who = ("", "", "", "", "", VERSION, "b", "", "", "", "", "", "", "")
        lines = ("r", *self._times, self._resource, *(value for _, value in lent), *who)
        return self._query(lent, _signed(key.key, "\n".join(lines)))

    @property
    def _times(self) -> tuple[str, str]:
        return moment(self.start), moment(self.end)

    @property
    def _resource(self) -> str:
        return f"/blob/{self.account}/{self.container}/{self.blob}"

    def _query(self, lent: Query, signature: str) -> str:
        start, end = self._times
        return query_text(
            (
                *(("sv", VERSION), ("sr", "b"), ("sp", "r"), ("st", start), ("se", end)),
                *lent,
                ("sig", signature),
            )
        )


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _signed(key: bytes, text: str) -> str:
    return b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
