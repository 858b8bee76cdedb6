"""The value of WWW-Authenticate, letter by letter (registry-facts §2.11)."""

from layerstore.auth import challenge
from layerstore.auth.access import CATALOG, Access
from tests.unit.auth.headers import on

REALM = "https://auth.example/token"


def test_basic_names_the_realm() -> None:
    assert challenge.basic("our registry", []).challenge == 'Basic realm="our registry"'


def test_bearer_names_service_and_scope_in_the_originals_order() -> None:
    wanted = [*on("a/b", "pull", "push"), *on("c", "pull")]
    assert challenge.bearer(REALM, "registry", wanted).challenge == (
        f'Bearer realm="{REALM}",service="registry",'
        'scope="repository:a/b:pull,push repository:c:pull"'
    )


def test_bearer_has_no_scope_where_nothing_particular_is_wanted() -> None:
    told = challenge.bearer(REALM, "registry", []).challenge
    assert told == f'Bearer realm="{REALM}",service="registry"'


def test_bearer_says_what_is_wrong_last() -> None:
    told = challenge.bearer(REALM, "registry", [CATALOG], challenge.INVALID_TOKEN).challenge
    assert told.endswith(',scope="registry:catalog:*",error="invalid_token"')


def test_a_resource_and_an_action_appear_once() -> None:
    wanted = [*on("a", "pull", "push"), *on("b", "pull"), *on("a", "pull")]
    assert challenge.scope(wanted) == "repository:a:pull,push repository:b:pull"


def test_programs_read_what_was_wanted_in_the_detail() -> None:
    assert challenge.basic("x", on("a/b", "pull")).detail == [
        {"Type": "repository", "Class": "", "Name": "a/b", "Action": "pull"}
    ]


def test_nothing_breaks_out_of_a_quoted_value() -> None:
    assert challenge.quoted('a"b\\c\r\nX: y\x00ä') == '"a\\"b\\\\cX: y"'


def test_a_name_from_a_client_cannot_break_out_either() -> None:
    hostile = Access("repository", 'x",error="none', "pull")
    told = challenge.bearer(REALM, "registry", [hostile]).challenge
    assert told.endswith('scope="repository:x\\",error=\\"none:pull"')
