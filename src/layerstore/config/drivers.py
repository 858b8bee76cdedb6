"""The parameters of the storage drivers (registry-facts §3.3), and the steps in front of them."""

from typing import Literal

from msgspec import field

from layerstore.config.section import Duration, Positive, Secret, Section, Words

MIB = 1024 * 1024


class Filesystem(Section, frozen=True):
    """A folder on this machine."""

    rootdirectory: str = "/var/lib/registry"
    """The folder."""

    maxthreads: Positive = 100
    """Reads, and as many writes, that run at the same time, at least 25."""


class InMemory(Section, frozen=True):
    """The memory of one process: everything is gone when it ends."""


class S3(Section, frozen=True):
    """A bucket of Amazon S3 or of a store that speaks its protocol."""

    bucket: str = ""
    """The bucket."""

    region: str = ""
    """Its region, such as `eu-central-1`."""

    regionendpoint: str = ""
    """URL of the store, if it is not Amazon's."""

    redirectendpoint: str = ""
    """URL of the store as clients see it, for redirects."""

    accesskey: Secret = ""
    """Access key; empty: the usual chain (variables, files, the machine's role)."""

    secretkey: Secret = ""
    """Secret that belongs to the access key."""

    forcepathstyle: bool | None = None
    """Whether the bucket stands in the path. Unset: if `regionendpoint` is set, as
    in version 2."""

    encrypt: bool = False
    """Whether the store encrypts what it keeps."""

    keyid: str = ""
    """Key of KMS that it is encrypted with."""

    secure: bool = True
    """Whether TLS is used."""

    skipverify: bool = False
    """Whether the store's certificate goes unchecked."""

    v4auth: bool = True
    """Whether requests are signed by version 4."""

    chunksize: int = 10 * MIB
    """Bytes of a part, 5 MiB to 5 GiB."""

    multipartcopychunksize: int = 32 * MIB
    """Bytes of a part that is copied."""

    multipartcopymaxconcurrency: int = 100
    """Parts that are copied at the same time."""

    multipartcopythresholdsize: int = 32 * MIB
    """Bytes of an object from which on it is copied in parts."""

    rootdirectory: str = ""
    """Prefix of all keys."""

    storageclass: str = "STANDARD"
    """Storage class of new objects; `NONE`: not told."""

    objectacl: str = "private"
    """Canned access list of new objects."""

    useragent: str = ""
    """Added to `User-Agent`."""

    usedualstack: bool = False
    """Whether the endpoint for IPv4 and IPv6 is used."""

    accelerate: bool = False
    """Whether the accelerated endpoint is used."""

    usefipsendpoint: bool = False
    """Whether the FIPS endpoint is used."""

    loglevel: str = "off"
    """What the client library logs."""

    buffers: Positive = 192 * MIB
    """Ours: Bytes of part buffers, of all workers together."""


class GcsCredentials(Section, frozen=True):
    """A service account's key, as in its JSON file."""

    type: str = ""
    """`service_account`."""

    project_id: str = ""
    """Project."""

    private_key_id: str = ""
    """Name of the key."""

    private_key: Secret = ""
    """The key, PEM."""

    client_email: str = ""
    """Address of the account."""

    client_id: str = ""
    """Number of the account."""

    auth_uri: str = ""
    """Where to log in."""

    token_uri: str = ""
    """Where tokens come from."""

    auth_provider_x509_cert_url: str = ""
    """Certificates of the service."""

    client_x509_cert_url: str = ""
    """Certificate of the account."""

    universe_domain: str = ""
    """Domain of the cloud."""


class Gcs(Section, frozen=True):
    """A bucket of Google Cloud Storage."""

    bucket: str = ""
    """The bucket."""

    keyfile: str = ""
    """JSON file with a service account's key; empty: `credentials`, or the usual chain."""

    credentials: GcsCredentials = GcsCredentials()
    """A service account's key."""

    rootdirectory: str = ""
    """Prefix of all names."""

    chunksize: int = 16 * MIB
    """Bytes of a part, a multiple of 256 KiB."""

    maxconcurrency: int = 50
    """Calls of one worker that run at the same time, at least 25; downloads are not counted."""

    endpoint: str = ""
    """Ours: URL of the store, if it is not Google's own. The variable STORAGE_EMULATOR_HOST names
    an emulator, as for Google's clients."""

    buffers: Positive = 192 * MIB
    """Ours: Bytes of part buffers, of all workers together."""


class AzureCredentials(Section, frozen=True):
    """How to log in to Azure."""

    type: Literal["", "client_secret", "shared_key", "default_credentials"] = ""
    """Kind of the credentials; empty: the account's key."""

    clientid: str = ""
    """Application."""

    tenantid: str = ""
    """Tenant."""

    secret: Secret = ""
    """Secret of the application."""


class Azure(Section, frozen=True):
    """A container of Azure Blob Storage."""

    accountname: str = ""
    """The account."""

    accountkey: Secret = ""
    """Its key."""

    container: str = ""
    """The container."""

    credentials: AzureCredentials = AzureCredentials()
    """How to log in otherwise."""

    connectionstring: Secret = ""
    """Account, key or shared access signature, and endpoint in one; counts before the others."""

    realm: str = "core.windows.net"
    """Domain of the cloud."""

    serviceurl: str = ""
    """URL of the store, if it is not Azure's."""

    rootdirectory: str = ""
    """Prefix of all names."""

    max_retries: int = 5
    """How often a call is tried again."""

    retry_delay: Duration = 0.1
    """Time before the first of these."""

    skipverify: bool = False
    """Whether the store's certificate goes unchecked."""

    chunksize: int = 10 * MIB
    """Ours: Bytes of a block, 1 MiB to 4000 MiB."""

    buffers: Positive = 192 * MIB
    """Ours: Bytes of buffers for blocks, of all workers together."""


class MiddlewareOptions(Section, frozen=True):
    """What the kinds of storage middleware know: `redirect`, `rewrite` and `cloudfront`."""

    baseurl: str = ""
    """`redirect`, `cloudfront`: what stands in front of the path."""

    scheme: str = ""
    """`rewrite`: scheme of the redirect."""

    host: str = ""
    """`rewrite`: host of the redirect."""

    trimpathprefix: str = ""
    """`rewrite`: what is taken away from the beginning of the path."""

    privatekey: str = ""
    """`cloudfront`: file with the key that signs, PEM."""

    keypairid: str = ""
    """`cloudfront`: name of that key."""

    duration: Duration = 20 * 60
    """`cloudfront`: how long a URL can be used."""

    ipfilteredby: Literal["none", "aws", "awsregion"] = "none"
    """`cloudfront`: which clients are sent to S3 itself."""

    awsregion: Words = ()
    """`cloudfront`: regions of those clients."""

    updatefrequency: Duration = 12 * 60 * 60
    """`cloudfront`: how often the list of Amazon's addresses is read."""

    iprangesurl: str = "https://ip-ranges.amazonaws.com/ip-ranges.json"
    """`cloudfront`: where that list is."""


class StorageMiddleware(Section, frozen=True):
    """A step in front of the storage driver."""

    name: Literal["", "redirect", "rewrite", "cloudfront"] = ""
    """What it does: `redirect`, `rewrite` or `cloudfront`."""

    disabled: bool = False
    """Whether it is left out. The original reads this key and ignores it."""

    options: MiddlewareOptions = MiddlewareOptions()
    """Its settings."""


class OtherMiddleware(Section, frozen=True):
    """A step that somebody built into the original; there is none here."""

    name: str = ""
    """What it is called."""

    disabled: bool = False
    """Whether it is left out."""

    options: dict[str, str] = field(default_factory=dict)
    """Its settings."""


class Middleware(Section, frozen=True):
    """Steps in front of the registry and the storage."""

    registry: tuple[OtherMiddleware, ...] = ()
    """None can be chosen: a start with one is refused."""

    repository: tuple[OtherMiddleware, ...] = ()
    """None can be chosen: a start with one is refused."""

    storage: tuple[StorageMiddleware, ...] = ()
    """Steps in front of the storage driver, in this order."""
