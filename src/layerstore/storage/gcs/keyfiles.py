"""What a file of credentials holds, whatever its kind, and where Google's clients look for one."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from layerstore.storage.gcs.address import PUBLIC_UNIVERSE
from layerstore.storage.objects.unusable import StoreUnusable


class Form(msgspec.Struct, frozen=True):
    """How it stands there."""

    type: str = "text"
    subject_token_field_name: str = ""


class Elsewhere(msgspec.Struct, frozen=True):
    """Where the token of another cloud stands."""

    file: str = ""
    url: str = ""
    headers: Mapping[str, str] = {}
    format: Form = Form()


class Credentials(msgspec.Struct, frozen=True):
    """A file of credentials, whatever its kind: what is not of its kind is empty."""

    type: str = ""
    private_key_id: str = ""
    private_key: str = ""
    client_email: str = ""
    token_uri: str = ""
    universe_domain: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    audience: str = ""
    subject_token_type: str = ""
    token_url: str = ""
    credential_source: Elsewhere = Elsewhere()
    service_account_impersonation_url: str = ""


def read_credentials(path: Path) -> Credentials:
    """Of a file. Raises StoreUnusable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except OSError as error:
        reason = (error.strerror or "input or output failed").lower()
        raise StoreUnusable(f"{path}: {reason}") from error
    except msgspec.DecodeError as error:
        raise StoreUnusable(f"{path}: no file of credentials in JSON") from error


def found_credentials(environment: Mapping[str, str]) -> Credentials | None:
    """Along the chain as far as it has files; None: the machine is asked.

    Raises StoreUnusable.
    """
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return read_credentials(Path(named))
    folder = environment.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    kept = Path(folder).expanduser() / "application_default_credentials.json"
    return read_credentials(kept) if kept.is_file() else None


def universe_of(credentials: Credentials | None) -> str:
    return (credentials.universe_domain if credentials else "") or PUBLIC_UNIVERSE
