"""Every setting and limit that the handlers obey; `app/` fills them from the configuration."""

from dataclasses import dataclass
from typing import Final

from layerstore.oci.manifest import MANIFEST_BYTES_MAX

LIST_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of one page of a list that the client set no number for (decisions 4)."""

REFERRERS_PAGE_MAX: Final = 1_000
"""Entries in one page of referrers (decisions 4)."""

NAMED_SOURCES_MAX: Final = 32
"""Repositories that are looked at for a mount without `from` (decisions 10)."""

ACCEPT_ENTRIES_MAX: Final = 64
"""Entries of Accept that count (decisions 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """The configuration's keys stand in brackets; the defaults are those of decisions 9.

    `relative_urls` is None where the file does not say: relative then, unless `host` is set
    (decisions 7). `chunk_bytes_min` is what the driver wants of every chunk but the last.
    """

    secret: bytes  # [http.secret]
    host: str | None = None  # [http.host]
    prefix: str = "/"  # [http.prefix]
    relative_urls: bool | None = None  # [http.relativeurls]
    headers: tuple[tuple[str, str], ...] = ()  # [http.headers]

    delete_enabled: bool = False  # [storage.delete.enabled]
    readonly: bool = False  # [storage.maintenance.readonly.enabled]
    mirror: bool = False  # [proxy.remoteurl] is set: nothing is pushed here
    redirect: bool = True  # [storage.redirect.disable], turned round
    redirect_lifetime_s: int = 20 * 60
    chunk_bytes_min: int | None = None

    catalog_page: int = 100
    catalog_entries_max: int = 1_000  # [catalog.maxentries]
    tags_max: int = 1_000  # [tags.maxtags]
    manifest_bytes_max: int = MANIFEST_BYTES_MAX  # [limits.manifestbytes]
    tags_per_push_max: int = 64  # [limits.tagsperpush]
