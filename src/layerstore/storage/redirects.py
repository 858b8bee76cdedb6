"""Where clients are sent for a blob: steps that make or change the driver's URL.

These are the original's storage middleware (registry-facts §3.9): `redirect` to a plain server in
front of the same files, and `rewrite` of what the driver says. `cloudfront`, which signs, has its
own file.
"""

from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit


class RedirectInvalid(Exception):
    """A step cannot be made of these settings; the text says why."""


class UrlStep(Protocol):
    """One step."""

    def __call__(self, path: str, url: str | None) -> str | None:
        """The URL for a path of the storage, made of the one so far (None: there is none)."""


class Redirect:
    """Sends clients to `baseurl` with the path of the storage behind it, unsigned."""

    def __init__(self, baseurl: str) -> None:
        """Raises RedirectInvalid."""
        self._base = base_of(baseurl)

    def __call__(self, path: str, url: str | None) -> str | None:
        return self._base + quote(path)


class Rewrite:
    """Changes scheme, host and the beginning of the path of what the driver says."""

    def __init__(self, scheme: str = "", host: str = "", trimpathprefix: str = "") -> None:
        """What is empty stays as it is."""
        self._scheme = scheme
        self._host = host
        self._trim = trimpathprefix

    def __call__(self, path: str, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        return urlunsplit(
            parts._replace(
                scheme=self._scheme or parts.scheme,
                netloc=self._host or parts.netloc,
                path=parts.path.removeprefix(self._trim),
            )
        )


def base_of(baseurl: str) -> str:
    """A base without a slash at its end. Raises RedirectInvalid."""
    parts = urlsplit(baseurl)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise RedirectInvalid(f"baseurl: {baseurl!r} is no URL such as https://files.example")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
