"""An S3 driver put together from its settings: what loads the client libraries."""

from layerstore.clock import Clock
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.sizes import COPY_BYTES_MAX
from layerstore.storage.s3.bucket import S3Bucket
from layerstore.storage.s3.credentials import (
    ChainCredentials,
    CredentialSource,
    GivenCredentials,
)
from layerstore.storage.s3.settings import S3Settings
from layerstore.storage.s3.signature import Signer


def open_bucket(settings: S3Settings, clock: Clock, http: HttpClient | None = None) -> S3Bucket:
    """The bucket alone. Raises AddressUnusable. Makes no request."""
    place = settings.place
    address = place.address()
    shown = place.address(settings.redirect_endpoint) if settings.redirect_endpoint else address
    return S3Bucket(
        place.bucket,
        address,
        shown,
        Signer(place.region),
        _credentials(settings),
        clock,
        http or HttpClient(verify=settings.verify),
        new_objects=settings.new_objects,
        user_agent=settings.user_agent,
        root=f"{root}/" if (root := settings.root.strip("/")) else "",
    )


def open_s3(
    settings: S3Settings, clock: Clock, http: HttpClient | None = None
) -> ObjectStoreDriver:
    """The driver. Raises AddressUnusable. Makes no request."""
    bucket = open_bucket(settings, clock, http)
    return ObjectStoreDriver(
        bucket,
        clock,
        Buffers(settings.buffers, settings.part_bytes),
        Copier(
            bucket,
            min(settings.whole_copy_bytes_max, COPY_BYTES_MAX),
            settings.copied_part_bytes,
            settings.copied_parts_at_once,
        ),
        root=settings.root.strip("/"),
        first_part=settings.part_bytes,
        foreign=bucket,
    )


def _credentials(settings: S3Settings) -> CredentialSource:
    if settings.access_key and settings.secret_key:
        return GivenCredentials(settings.access_key, settings.secret_key)
    return ChainCredentials()
