"""Where a bucket is: the host to ask, and the path of a key there."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from layerstore.storage.s3.signature import encoded

DEFAULT_REGION: Final = "us-east-1"
"""The region of stores that have none."""


class AddressUnusable(Exception):
    """The settings name no address; the text begins with the key that is wrong."""


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket behind a host; `base` is what stands before the key, and begins with a slash."""

    scheme: str
    host: str
    base: str

    def path(self, key: str) -> str:
        """The encoded path of a key; of the bucket itself with an empty one."""
        return f"{self.base}{encoded(key, '/')}"

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "https"


@dataclass(frozen=True, slots=True)
class Place:
    """What the configuration says about where the bucket is (registry-facts §3.3)."""

    bucket: str
    region: str
    endpoint: str = ""
    path_style: bool | None = None
    secure: bool = True
    dual_stack: bool = False
    fips: bool = False
    accelerate: bool = False

    def address(self, endpoint: str | None = None) -> Address:
        """At this endpoint, or at its own. Raises AddressUnusable."""
        chosen = self.endpoint if endpoint is None else endpoint
        return self._at_endpoint(chosen) if chosen else self._at_amazon()

    def _at_endpoint(self, endpoint: str) -> Address:
        with_scheme = endpoint if "://" in endpoint else f"{self._scheme}://{endpoint}"
        try:
            parts = urlsplit(with_scheme)
            port = parts.port
        except ValueError as error:
            raise AddressUnusable(f"{endpoint!r} is no URL such as https://s3.example") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise AddressUnusable(f"{endpoint!r} is no URL such as https://s3.example")
        host = _host(parts.scheme, parts.hostname, port)
        path = parts.path.rstrip("/")
        if self.path_style is False:
            return Address(parts.scheme, f"{self.bucket}.{host}", f"{path}/")
        return Address(parts.scheme, host, f"{path}/{encoded(self.bucket)}/")

    def _at_amazon(self) -> Address:
        stack = ".dualstack" if self.dual_stack else ""
        if self.accelerate:
            host = f"{self.bucket}.s3-accelerate{stack}.amazonaws.com"
            return Address(self._scheme, host, "/")
        fips = "-fips" if self.fips else ""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        host = f"s3{fips}{stack}.{self.region}.{domain}"
        if self.path_style or ("." in self.bucket and self.secure):
            return Address(self._scheme, host, f"/{encoded(self.bucket)}/")
        return Address(self._scheme, f"{self.bucket}.{host}", "/")

    @property
    def _scheme(self) -> str:
        return "https" if self.secure else "http"


def _host(scheme: str, name: str, port: int | None) -> str:
    """As it stands in the Host header: without the port that the scheme has anyway."""
    shown = f"[{name}]" if ":" in name else name
    usual = {"http": 80, "https": 443}[scheme]
    return shown if port in (None, usual) else f"{shown}:{port}"
