"""A driver for Google Cloud Storage put together from its settings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from layerstore.clock import Clock
from layerstore.storage.gcs.address import Address, endpoint_of
from layerstore.storage.gcs.bucket import GcsBucket
from layerstore.storage.gcs.credentials import Nobody, identity_of
from layerstore.storage.gcs.keyfiles import (
    Credentials,
    found_credentials,
    read_credentials,
    universe_of,
)
from layerstore.storage.gcs.settings import OBJECT_BYTES_MAX, GcsSettings
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import HttpClient

EMULATOR: Final = "STORAGE_EMULATOR_HOST"
"""The variable that names an emulator, to Google's own clients too."""


def open_bucket(
    settings: GcsSettings,
    clock: Clock,
    http: HttpClient | None = None,
    environment: Mapping[str, str] = os.environ,
) -> GcsBucket:
    """The bucket alone. Raises StoreUnusable. Makes no request."""
    http = http or HttpClient(calls_at_once=settings.calls_at_once)
    emulator = environment.get(EMULATOR, "")
    given = _given(settings)
    is_asked = given is not None or not emulator
    credentials = given or (found_credentials(environment) if is_asked else None)
    identity = identity_of(credentials, environment, http, clock) if is_asked else Nobody()
    endpoint = endpoint_of(settings.endpoint or emulator, universe_of(credentials))
    return GcsBucket(
        Address(endpoint, settings.bucket), identity, clock, http, user_agent=settings.user_agent
    )


def _given(settings: GcsSettings) -> Credentials | None:
    return read_credentials(Path(settings.keyfile)) if settings.keyfile else settings.credentials


def open_gcs(
    settings: GcsSettings,
    clock: Clock,
    http: HttpClient | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ObjectStoreDriver:
    """The driver. Raises StoreUnusable. Makes no request."""
    bucket = open_bucket(settings, clock, http, environment)
    return ObjectStoreDriver(
        bucket,
        clock,
        Buffers(settings.buffers, settings.part_bytes),
        Copier(bucket, OBJECT_BYTES_MAX, settings.part_bytes, parts_at_once=1),
        root=settings.root.strip("/"),
        first_part=settings.part_bytes,
        record_pause_s=settings.record_pause_s,
    )
