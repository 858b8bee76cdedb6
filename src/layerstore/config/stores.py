"""What the drivers for Google Cloud Storage and Azure are made of, out of their sections."""

from layerstore import __version__
from layerstore.config.drivers import Azure, Gcs, GcsCredentials
from layerstore.storage.azure.address import account_of
from layerstore.storage.azure.settings import AzureSettings
from layerstore.storage.gcs.keyfiles import Credentials
from layerstore.storage.gcs.settings import GcsSettings

USER_AGENT = f"layerstore/{__version__}"


def gcs_settings(gcs: Gcs, workers: int) -> GcsSettings:
    """For one of so many processes."""
    return GcsSettings(
        bucket=gcs.bucket,
        endpoint=gcs.endpoint,
        keyfile=gcs.keyfile,
        credentials=_credentials(gcs.credentials),
        root=gcs.rootdirectory,
        buffers=gcs.buffers // workers,
        part_bytes=gcs.chunksize,
        calls_at_once=gcs.maxconcurrency,
        user_agent=USER_AGENT,
    )


def _credentials(given: GcsCredentials) -> Credentials | None:
    if given == GcsCredentials():
        return None
    return Credentials(
        type=given.type or "service_account",
        private_key_id=given.private_key_id,
        private_key=given.private_key,
        client_email=given.client_email,
        token_uri=given.token_uri,
        universe_domain=given.universe_domain,
    )


def azure_settings(azure: Azure, workers: int) -> AzureSettings:
    """For one of so many processes. Raises StoreUnusable."""
    credentials = azure.credentials
    return AzureSettings(
        account=account_of(
            azure.accountname,
            azure.accountkey,
            azure.realm,
            azure.serviceurl,
            azure.connectionstring,
        ),
        container=azure.container,
        kind=credentials.type or "shared_key",
        client=credentials.clientid,
        tenant=credentials.tenantid,
        secret=credentials.secret,
        root=azure.rootdirectory,
        verify=not azure.skipverify,
        retries_max=azure.max_retries,
        first_pause_s=azure.retry_delay,
        buffers=azure.buffers // workers,
        part_bytes=azure.chunksize,
        user_agent=USER_AGENT,
    )
