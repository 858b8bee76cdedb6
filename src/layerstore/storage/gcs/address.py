"""Where a bucket of Google Cloud Storage is: the addresses of its JSON API, and of its objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from layerstore.storage.objects.unusable import StoreUnusable

PUBLIC_UNIVERSE: Final = "googleapis.com"
"""The domain of Google's public cloud."""

Query = Sequence[tuple[str, str]]


def endpoint_of(given: str, universe: str = "") -> str:
    """Scheme and host of the store: those that are given, or Google's. Raises StoreUnusable."""
    if not given:
        return f"https://storage.{universe or PUBLIC_UNIVERSE}"
    with_scheme = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(with_scheme)
    except ValueError as error:
        raise StoreUnusable(f"{given!r} is no URL such as https://storage.example") from error
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise StoreUnusable(f"{given!r} is no URL such as https://storage.example")
    return f"{parts.scheme}://{parts.netloc}"


def encoded(text: str, safe: str = "") -> str:
    """The text with everything but unreserved characters as `%XX`."""
    return quote(text, safe=f"-_.~{safe}")


def query_text(query: Query) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query)


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket behind an endpoint (JSON API, version 1)."""

    endpoint: str
    bucket: str

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def listing(self, query: Query) -> str:
        return f"{self._bucket}/o?{query_text(query)}"

    def object(self, key: str, query: Query = ()) -> str:
        return _asked(f"{self._bucket}/o/{encoded(key)}", query)

    def upload(self, key: str, query: Query = ()) -> str:
        bucket = encoded(self.bucket)
        named = [("uploadType", "media"), ("name", key), *query]
        return _asked(f"{self.endpoint}/upload/storage/v1/b/{bucket}/o", named)

    def rewrite(self, source: str, target: str, query: Query = ()) -> str:
        path = f"rewriteTo/b/{encoded(self.bucket)}/o/{encoded(target)}"
        return _asked(f"{self._bucket}/o/{encoded(source)}/{path}", query)

    def compose(self, key: str) -> str:
        return f"{self._bucket}/o/{encoded(key)}/compose"

    def public_path(self, key: str) -> str:
        """The path of an object in the XML API, where clients fetch it."""
        return f"/{encoded(self.bucket)}/{encoded(key, '/')}"

    @property
    def _bucket(self) -> str:
        return f"{self.endpoint}/storage/v1/b/{encoded(self.bucket)}"


def _asked(address: str, query: Query) -> str:
    return f"{address}?{query_text(query)}" if query else address
