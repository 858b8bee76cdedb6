"""Who asks Azure: an account by its key, whoever has a shared access signature, or a user."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from layerstore.storage.azure.address import Address, Query, query_text
from layerstore.storage.azure.signature import Reading, SharedKey
from layerstore.storage.objects.tokens import Tokens

COPYING_S = 3600
"""Seconds for which the address of a copy's source is good."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; names of headers are in lower case, `path` is encoded, `size` is the body's."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    size: int = 0


class Authority(Protocol):
    """What makes the store answer."""

    async def sent(self, asked: Asked) -> tuple[str, dict[str, str]]:
        """The text of the query and the headers with which it is sent. Raises Trouble."""

    async def source(self, key: str, at: datetime) -> dict[str, str]:
        """The headers that name a blob to copy from. Raises Trouble."""

    def expired(self) -> None:
        """The store does not take it any more."""


class ByKey:
    """The account itself."""

    def __init__(self, address: Address, key: SharedKey) -> None:
        self._address = address
        self.key = key

    async def sent(self, asked: Asked) -> tuple[str, dict[str, str]]:
        authorization = self.key.authorization(
            asked.method, asked.path, asked.query, asked.headers, asked.size
        )
        return query_text(asked.query), {**asked.headers, "authorization": authorization}

    async def source(self, key: str, at: datetime) -> dict[str, str]:
        reading = Reading.lasting(
            self._address.account, self._address.container, key, at, COPYING_S
        )
        query = reading.by_account(self.key)
        return {"x-ms-copy-source": self._address.url(self._address.path(key), query)}

    def expired(self) -> None:
        """It is what it is."""


class BySignature:
    """Whoever has been given a shared access signature."""

    def __init__(self, address: Address, signature: str) -> None:
        self._address = address
        self._signature = signature

    async def sent(self, asked: Asked) -> tuple[str, dict[str, str]]:
        parts = (query_text(asked.query), self._signature)
        return "&".join(part for part in parts if part), dict(asked.headers)

    async def source(self, key: str, at: datetime) -> dict[str, str]:
        return {"x-ms-copy-source": self._address.url(self._address.path(key), self._signature)}

    def expired(self) -> None:
        """It is what it is."""


class ByToken:
    """A user, an application or a machine of the directory."""

    def __init__(self, address: Address, tokens: Tokens) -> None:
        self._address = address
        self._tokens = tokens

    async def sent(self, asked: Asked) -> tuple[str, dict[str, str]]:
        token = await self._tokens.current()
        return query_text(asked.query), {**asked.headers, "authorization": f"Bearer {token}"}

    async def source(self, key: str, at: datetime) -> dict[str, str]:
        return {
            "x-ms-copy-source": self._address.url(self._address.path(key)),
            "x-ms-copy-source-authorization": f"Bearer {await self._tokens.current()}",
        }

    def expired(self) -> None:
        self._tokens.expired()


_: type[Authority] = ByKey
_2: type[Authority] = BySignature
_3: type[Authority] = ByToken
