"""A driver for Azure Blob Storage put together from its settings."""

import os
from collections.abc import Mapping

from layerstore.clock import Clock
from layerstore.storage.azure.address import Address
from layerstore.storage.azure.authority import Authority, ByKey, BySignature, ByToken
from layerstore.storage.azure.container import NAME, AzureContainer
from layerstore.storage.azure.identity import Application, application_tokens, chain_tokens
from layerstore.storage.azure.settings import COPIED_PARTS_AT_ONCE, AzureSettings
from layerstore.storage.azure.shown import AccountSigner, UserSigner
from layerstore.storage.azure.signature import SharedKey
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.patience import Patience
from layerstore.storage.objects.unusable import StoreUnusable


def open_container(
    settings: AzureSettings,
    clock: Clock,
    http: HttpClient | None = None,
    environment: Mapping[str, str] = os.environ,
) -> AzureContainer:
    """The container alone. Raises StoreUnusable. Makes no request."""
    account = settings.account
    address = Address(account.name, account.service, settings.container)
    authority = _authority(settings, address, clock, environment)
    container = AzureContainer(
        address,
        authority,
        clock,
        http or HttpClient(verify=settings.verify),
        Patience(NAME, clock, settings.retries_max + 1, settings.first_pause_s),
        user_agent=settings.user_agent,
    )
    match authority:
        case ByKey():
            container.signer = AccountSigner(address, authority.key, clock)
        case ByToken():
            container.signer = UserSigner(address, container.borrow, clock)
    return container


def _authority(
    settings: AzureSettings, address: Address, clock: Clock, environment: Mapping[str, str]
) -> Authority:
    account = settings.account
    if settings.kind == "shared_key":
        if account.signature:
            return BySignature(address, account.signature)
        if not account.key:
            raise StoreUnusable("accountkey is missing, or credentials of another type")
        return ByKey(address, SharedKey.of(account.name, account.key))
    http = HttpClient()
    if settings.kind == "default_credentials":
        return ByToken(address, chain_tokens(environment, http, clock))
    application = Application(settings.client, settings.tenant, settings.secret)
    return ByToken(address, application_tokens(application, environment, http, clock))


def open_azure(
    settings: AzureSettings,
    clock: Clock,
    http: HttpClient | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ObjectStoreDriver:
    """The driver. Raises StoreUnusable. Makes no request."""
    container = open_container(settings, clock, http, environment)
    return ObjectStoreDriver(
        container,
        clock,
        Buffers(settings.buffers, settings.part_bytes),
        Copier(
            container,
            settings.whole_copy_bytes_max,
            settings.copied_part_bytes,
            COPIED_PARTS_AT_ONCE,
        ),
        root=settings.root.strip("/"),
        first_part=settings.part_bytes,
    )
