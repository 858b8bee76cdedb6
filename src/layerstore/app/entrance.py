"""Who may come in: the check and the rules of `auth`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from layerstore.api.calls import IssueToken
from layerstore.api.locations import base_of
from layerstore.api.routes import build as build_address
from layerstore.auth.access import Authority, AuthorityUnusable, OpenAuthority
from layerstore.auth.passes import PassAuthority, Passes
from layerstore.auth.policies import PolicyAuthority, Rule, checked_rules
from layerstore.auth.silly import SillyAuthority
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.auth import Htpasswd, Token
from layerstore.storage.ours import SECRET_BYTES

if TYPE_CHECKING:
    from layerstore.auth.htpasswd import HtpasswdAuthority


class Entrance(NamedTuple):
    """Who decides who may come in, and the passes that are handed out there, if any."""

    authority: Authority
    passes: Passes | None = None


def open_entrance(config: Config, clock: Clock) -> Entrance:
    """The check and the rules of `auth`. Raises ConfigError."""
    try:
        rules = checked_rules(
            [structs.asdict(rule) for rule in config.auth.policies], config.auth.groups
        )
        entrance = _check_of_callers(config, rules, clock)
    except AuthorityUnusable as error:
        raise ConfigError(str(error)) from error
    if not rules:
        return entrance
    return entrance._replace(authority=PolicyAuthority(entrance.authority, rules))


def _check_of_callers(config: Config, rules: Sequence[Rule], clock: Clock) -> Entrance:
    auth = config.auth
    if auth.htpasswd is not None:
        passwords = _passwords(auth.htpasswd, clock)
        if any(rule.fits_everybody for rule in rules):
            return _with_passes(passwords, config, clock)
        return Entrance(passwords)
    if auth.token is not None:
        return Entrance(_tokens(auth.token, clock))
    if auth.silly is not None:
        return Entrance(SillyAuthority(auth.silly.realm, auth.silly.service))
    return Entrance(OpenAuthority())


def _passwords(settings: Htpasswd, clock: Clock) -> "HtpasswdAuthority":
    from layerstore.auth.htpasswd import HtpasswdAuthority  # bcrypt, for who has passwords

    return HtpasswdAuthority(Path(settings.path), settings.realm, clock)


def _with_passes(passwords: "HtpasswdAuthority", config: Config, clock: Clock) -> Entrance:
    """Where rules let everybody do something, clients without a password need a pass for it."""
    secret = config.http.secret.encode() or clock.token(SECRET_BYTES)
    passes = Passes(secret, clock, passwords.hash_of)
    path = config.http.prefix.rstrip("/") + build_address(IssueToken())
    host = base_of(config.http.host) if config.http.host else None
    authority = PassAuthority(passwords, passes, path, host)
    return Entrance(authority, passes)


def _tokens(token: Token, clock: Clock) -> Authority:
    from layerstore.auth.token import TokenAuthority, TokenSettings  # 9 MiB, for who takes tokens

    settings = TokenSettings(
        realm=token.realm,
        service=token.service,
        issuer=token.issuer,
        bundle=Path(token.rootcertbundle) if token.rootcertbundle else None,
        jwks=Path(token.jwks) if token.jwks else None,
        algorithms=frozenset(token.signingalgorithms),
        autoredirect=token.autoredirect,
        autoredirect_path=token.autoredirectpath,
        delete_scope=token.deletescope,
    )
    return TokenAuthority(settings, clock)
