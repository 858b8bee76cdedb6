"""Where a container of Azure Blob Storage is, and who may ask it, as far as texts say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from layerstore.storage.objects.unusable import StoreUnusable

REALM: Final = "core.windows.net"
"""The domain of Azure's public cloud."""

EMULATED_ACCOUNT: Final = "devstoreaccount1"
"""The account of every emulator; its key is no secret (Azure's documentation of Azurite)."""

EMULATED_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
EMULATED_URL: Final = f"http://127.0.0.1:10000/{EMULATED_ACCOUNT}"

Query = Sequence[tuple[str, str]]


def encoded(text: str, safe: str = "") -> str:
    """The text with everything but unreserved characters as `%XX`."""
    return quote(text, safe=f"-_.~{safe}")


def query_text(query: Query) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query)


@dataclass(frozen=True, slots=True)
class Address:
    """A container; `service` is the URL of the account's blobs, without a slash at its end."""

    account: str
    service: str
    container: str

    @property
    def host(self) -> str:
        return urlsplit(self.service).netloc

    @property
    def service_path(self) -> str:
        return f"{urlsplit(self.service).path}/"

    def path(self, key: str = "") -> str:
        """The encoded path of a blob; of the container itself with an empty key."""
        base = f"{urlsplit(self.service).path}/{encoded(self.container)}"
        return f"{base}/{encoded(key, '/')}" if key else base

    def url(self, path: str, query: str = "") -> str:
        parts = urlsplit(self.service)
        return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Account:
    """What a configuration says of an account; what it does not say is empty."""

    name: str
    service: str
    key: str = ""
    signature: str = ""
    """A shared access signature: a query that may be added to every request."""


def account_of(name: str, key: str, realm: str, service: str = "", connection: str = "") -> Account:
    """Of the parameters; a connection string counts before all others. Raises StoreUnusable."""
    if connection:
        return _connected(connection)
    if not name:
        raise StoreUnusable("accountname is missing")
    return Account(name, _service(service or f"https://{name}.blob.{realm or REALM}"), key)


def _connected(connection: str) -> Account:
    """Azure's documentation, "Configure Azure Storage connection strings"."""
    pairs = [part.partition("=") for part in connection.split(";") if part.strip()]
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if said.get("usedevelopmentstorage", "").lower() == "true":
        return Account(EMULATED_ACCOUNT, EMULATED_URL, EMULATED_KEY)
    name = said.get("accountname", "")
    service = said.get("blobendpoint", "")
    if not service and name:
        scheme = said.get("defaultendpointsprotocol") or "https"
        service = f"{scheme}://{name}.blob.{said.get('endpointsuffix') or REALM}"
    if not service:
        raise StoreUnusable("connectionstring: neither AccountName nor BlobEndpoint stands in it")
    service = _service(service)
    signature = said.get("sharedaccesssignature", "").lstrip("?")
    key = said.get("accountkey", "")
    if not (key or signature):
        raise StoreUnusable(
            "connectionstring: neither AccountKey nor SharedAccessSignature stands in it"
        )
    return Account(name or _name_in(service), service, key, signature)


def _service(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment:
        raise StoreUnusable("the URL of the store is none such as https://account.blob.example")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _name_in(service: str) -> str:
    return (urlsplit(service).hostname or "").partition(".")[0]
