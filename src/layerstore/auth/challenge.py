"""What a caller is told who has not shown that he may: the value of WWW-Authenticate.

Forms: RFC 7617 for Basic, RFC 6750 §3 and registry-facts §2.11 for Bearer.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from layerstore.auth.access import Access
from layerstore.oci.errors import Unauthorized

INVALID_TOKEN: Final = "invalid_token"  # noqa: S105 - an error code of RFC 6750
INSUFFICIENT_SCOPE: Final = "insufficient_scope"


def basic(realm: str, wanted: Sequence[Access]) -> Unauthorized:
    """Come again with a name and a password."""
    return Unauthorized(f"Basic realm={quoted(realm)}", detail(wanted))


def bearer(
    realm: str, service: str, wanted: Sequence[Access], error: str | None = None
) -> Unauthorized:
    """Come again with a token, which the service at `realm` hands out for the scope named."""
    parameters = {"realm": realm, "service": service}
    if wanted:
        parameters["scope"] = scope(wanted)
    if error is not None:
        parameters["error"] = error
    listed = ",".join(f"{name}={quoted(value)}" for name, value in parameters.items())
    return Unauthorized(f"Bearer {listed}", detail(wanted))


def scope(wanted: Sequence[Access]) -> str:
    """`repository:a/b:pull,push repository:c:pull`: each resource once, in the order asked for."""
    actions: dict[tuple[str, str], list[str]] = {}
    for access in wanted:
        of_resource = actions.setdefault((access.kind, access.name), [])
        if access.action not in of_resource:
            of_resource.append(access.action)
    return " ".join(f"{kind}:{name}:{','.join(some)}" for (kind, name), some in actions.items())


def detail(wanted: Sequence[Access]) -> Sequence[Mapping[str, str]]:
    """The same for programs, in the original's spelling."""
    return [
        {"Type": access.kind, "Class": "", "Name": access.name, "Action": access.action}
        for access in wanted
    ]


def quoted(text: str) -> str:
    """A quoted-string (RFC 9110 §5.6.4); what cannot stand in a header line is left out."""
    visible = "".join(letter for letter in text if letter.isascii() and letter.isprintable())
    escaped = visible.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
