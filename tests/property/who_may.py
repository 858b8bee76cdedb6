"""Who may do what, said once more: from docs/access.md and the token protocol, not from the code.

An oracle for tests. It knows rules, entries of tokens and needs as plain data, and answers what a
registry has to do with a request: let it in, ask who is there (401), or refuse (403).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal, NamedTuple

Rules = Sequence[Mapping[str, Any]]
Groups = Mapping[str, Sequence[str]]
Verdict = Literal["in", "asked", "refused"]


class Need(NamedTuple):
    """One action on one thing, as the scope of a token names it."""

    kind: str
    name: str
    action: str


CATALOG = Need("registry", "catalog", "*")


@dataclass(frozen=True)
class Caller:
    """Who asks, and with what.

    `sends`: some credentials; `believed`: they are right. `entries` are those of a token, as
    (type, name, action); None for whoever needs none.
    """

    user: str = ""
    sends: bool = False
    believed: bool = True
    entries: frozenset[tuple[str, str, str]] | None = None
    address: str = "192.0.2.1"


def verdict(
    caller: Caller, needs: Sequence[Need], rules: Rules | None, groups: Groups | None = None
) -> Verdict:
    """What becomes of a request that needs all of this."""
    ruled = _Ruled(rules, groups or {})
    if not caller.sends:
        return "in" if needs and rules is not None and ruled.allow(caller, needs) else "asked"
    if not caller.believed:
        return "asked"
    if caller.entries is not None and not all(_named(caller.entries, need) for need in needs):
        return "asked"
    return "in" if rules is None or ruled.allow(caller, needs) else "refused"


def may_pull(caller: Caller, name: str, rules: Rules | None, groups: Groups | None = None) -> bool:
    """Whether a list of what the caller may read shows this repository."""
    if rules is None:
        return True
    return _Ruled(rules, groups or {}).allow(caller, [Need("repository", name, "pull")])


def _named(entries: Iterable[tuple[str, str, str]], need: Need) -> bool:
    """Whether a token names it: `*` is every action, and a push may create and overwrite."""
    action = "push" if need.action in ("create", "overwrite") else need.action
    return any(
        (kind, name) == (need.kind, need.name) and said in (action, "*")
        for kind, name, said in entries
    )


@dataclass(frozen=True)
class _Ruled:
    rules: Rules | None
    groups: Groups

    def allow(self, caller: Caller, needs: Sequence[Need]) -> bool:
        return all(self._one(caller, need) for need in needs)

    def _one(self, caller: Caller, need: Need) -> bool:
        fitting = [rule for rule in self.rules or () if self._fits(rule, caller)]
        if need == CATALOG:
            return any({"pull", "*"} & set(rule["actions"]) for rule in fitting)
        return any(
            _covers(rule["actions"], need.action)
            and any(
                pattern_fits(text, need.name, caller.user)
                for text in rule.get("repositories", ["**"])
            )
            for rule in fitting
        )

    def _fits(self, rule: Mapping[str, Any], caller: Caller) -> bool:
        if "addresses" in rule and not any(
            ip_address(caller.address) in ip_network(network) for network in rule["addresses"]
        ):
            return False
        if "users" not in rule and "groups" not in rule:
            return True
        names = set(rule.get("users", ()))
        for group in rule.get("groups", ()):
            names |= set(self.groups[group])
        return caller.user != "" and ("*" in names or caller.user in names)


def _covers(actions: Sequence[str], wanted: str) -> bool:
    if "*" in actions or wanted in actions:
        return True
    if wanted == "push":  # content may be brought by whoever may let a tag lead to it
        return bool({"create", "overwrite"} & set(actions))
    return wanted in ("create", "overwrite") and "push" in actions


def pattern_fits(pattern: str, name: str, user: str) -> bool:
    """The table of patterns in docs/access.md, as a regular expression."""
    parts = pattern.split("/")
    made = ""
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part == "**":
            made += r"[^/]+(/[^/]+)*" if is_last else r"([^/]+/)*"
            continue
        if part == "{user}":
            if not user or "/" in user:
                return False
            made += re.escape(user)
        else:
            made += "[^/]*".join(re.escape(piece) for piece in part.split("*"))
        made += "" if is_last else "/"
    return re.fullmatch(made, name) is not None
