"""Variables stand above the file, in the original's order, and reach every key."""

import string
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from layerstore.config import Config, ConfigError
from layerstore.config.decode import Decoded, decode
from layerstore.config.document import Table, parse
from layerstore.config.variables import SECRET_BYTES_MAX, Overridden, override

TOKEN_FILE = "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_AUTHORIZATION_0_FILE"


def overridden(text: str, environ: Mapping[str, str]) -> Overridden:
    tree = parse(text, "file").value
    assert isinstance(tree, Table)
    return override(tree, environ)


def decoded(text: str, environ: Mapping[str, str]) -> Decoded:
    return decode(overridden(text, environ).tree)


def config(text: str, **variables: str) -> Config:
    environ = {f"REGISTRY_{name}": value for name, value in variables.items()}
    return decoded(text, environ).config


def warnings(**variables: str) -> list[str]:
    environ = {f"REGISTRY_{name}": value for name, value in variables.items()}
    return overridden("{}", environ).warnings


def test_a_variable_stands_above_the_file() -> None:
    assert config("http: {addr: ':1', secret: s}", HTTP_ADDR=":2").http.addr == ":2"
    assert config("http: {addr: ':1', secret: s}", HTTP_ADDR=":2").http.secret == "s"


def test_a_variable_makes_the_sections_that_are_missing() -> None:
    assert config("{}", HTTP_DEBUG_PROMETHEUS_ENABLED="true").http.debug.prometheus.enabled
    assert config("http: ", HTTP_DEBUG_PROMETHEUS_ENABLED="true").http.debug.prometheus.enabled


def test_general_variables_come_before_specific_ones() -> None:
    storage = config(
        "storage: {filesystem: {rootdirectory: /x}}",
        STORAGE_S3_BUCKET="specific",
        STORAGE="{s3: {bucket: general, region: r}}",
    ).storage
    assert storage.drivers == ["s3"]
    assert storage.s3 is not None
    assert (storage.s3.bucket, storage.s3.region) == ("specific", "r")


def test_a_section_replaces_the_files() -> None:
    assert config("http: {addr: ':1', secret: s}", HTTP="{addr: ':2'}").http.secret == ""


def test_a_bare_name_chooses_a_driver_and_forgets_the_files() -> None:
    storage = config("storage: {inmemory: }", STORAGE="filesystem").storage
    assert storage.drivers == ["filesystem"]


def test_a_kind_of_check_is_chosen_and_then_filled() -> None:
    auth = config("{}", AUTH="htpasswd", AUTH_HTPASSWD_REALM="r", AUTH_HTPASSWD_PATH="/p").auth
    assert auth.htpasswd is not None
    assert (auth.htpasswd.realm, auth.htpasswd.path) == ("r", "/p")


def test_a_second_name_reaches_what_the_file_says_under_either() -> None:
    for text in ("storage: {s3: {region: r}}", "storage: {s3aws: {region: r}}"):
        for prefix in ("STORAGE_S3", "STORAGE_S3AWS"):
            s3 = config(text, **{f"{prefix}_BUCKET": "b"}).storage.s3
            assert s3 is not None
            assert (s3.region, s3.bucket) == ("r", "b")


def test_a_key_with_an_underscore_is_reached() -> None:
    azure = config("{}", STORAGE_AZURE_MAX_RETRIES="7").storage.azure
    assert azure is not None
    assert azure.max_retries == 7


def test_an_entry_of_a_list_is_changed_or_added() -> None:
    text = "notifications: {endpoints: [{name: a, url: u}]}"
    endpoints = config(
        text, NOTIFICATIONS_ENDPOINTS_0_URL="v", NOTIFICATIONS_ENDPOINTS_1_NAME="b"
    ).notifications.endpoints
    assert [(one.name, one.url) for one in endpoints] == [("a", "v"), ("b", "")]


def test_a_list_has_no_gaps() -> None:
    for index in ("2", "9" * 30):
        with pytest.raises(ConfigError, match="the list has 1 entries"):
            config("http: {tls: {clientcas: [a]}}", **{f"HTTP_TLS_CLIENTCAS_{index}": "b"})


def test_a_mapping_keeps_its_keys_and_gets_new_ones_in_lower_case() -> None:
    headers = config(
        "http: {headers: {X-One: [a]}}",
        **{"HTTP_HEADERS_X-ONE": "[b]", "HTTP_HEADERS_X-TWO": "[c]", "HTTP_HEADERS_X-ONE_1": "d"},
    ).http.headers
    assert headers == {"X-One": ("b", "d"), "x-two": ("c",)}


def test_a_new_key_may_contain_underscores() -> None:
    assert config("{}", LOG_FIELDS_DATA_CENTRE="7").log.fields == {"data_centre": "7"}


def test_an_empty_variable_gives_the_default_back() -> None:
    assert config("http: {host: 'https://a'}", HTTP_HOST="").http.host == ""


@pytest.mark.parametrize(
    "text", ["[::1]:5000", "*secret", "{x", "a: b", "%&!", "@x", "!tagged", "[a, b]"]
)
def test_a_text_that_yaml_cannot_mean_stays_as_it_is(text: str) -> None:
    assert config("{}", HTTP_SECRET=text).http.secret == text


def test_quotes_around_a_text_are_yaml() -> None:
    assert config("{}", HTTP_SECRET="'a: b'").http.secret == "a: b"


def test_broken_yaml_for_a_section_names_the_variable_and_not_its_value() -> None:
    with pytest.raises(ConfigError, match=r"^REGISTRY_STORAGE") as raised:
        config("{}", STORAGE="{s3: {secretkey: hunter2")
    assert "hunter2" not in str(raised.value)


def test_a_variable_that_fits_nothing_is_told_with_the_nearest() -> None:
    assert warnings(HTTP_ADRR=":1", STORAGE_FILESYSTEM_ROOTFOLDER="/x") == [
        "REGISTRY_HTTP_ADRR: no key has this name; the variable has no effect; "
        "is REGISTRY_HTTP_ADDR meant?",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTFOLDER: no key has this name; "
        "the variable has no effect; is REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY meant?",
    ]


@pytest.mark.parametrize(
    "name", ["", "STORAGE_FILESYSTEM_X", "HTTP_ADDR_X", "HTTP_TLS_CLIENTCAS_X", "HTTP__ADDR"]
)
def test_a_variable_that_fits_nothing_changes_nothing(name: str) -> None:
    assert config("{}", **{name: "x"}) == Config()


@pytest.mark.parametrize("name", ["AUTH_HTPASWD_PATH", "AUTH_POLICIES_0_USER", "AUTH_X"])
def test_a_check_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"REGISTRY_{name}: no key has this name"):
        config("{}", **{name: "[x]"})


def test_what_is_not_ours_and_the_name_of_the_file_are_left_alone() -> None:
    environ = {"HTTP_ADDR": "x", "REGISTRY_CONFIGURATION_PATH": "/x", "registry_http_addr": "y"}
    result = overridden("{}", environ)
    assert (decode(result.tree).config, result.warnings) == (Config(), [])


def test_a_removed_driver_is_refused_in_a_variable_too() -> None:
    for name in ("STORAGE_SWIFT_AUTHURL", "STORAGE_OSS"):
        with pytest.raises(ConfigError, match="was removed"):
            config("{}", **{name: "x"})


def test_an_origin_is_the_name_of_the_variable() -> None:
    environ = {"REGISTRY_HTTP_ADDR": ":1", "REGISTRY_LOG": "{level: warn}"}
    origins = decoded("http: {secret: s}", environ).origins
    assert origins["http.addr"] == "REGISTRY_HTTP_ADDR"
    assert origins["log.level"] == "REGISTRY_LOG"
    assert origins["http.secret"] == "file, line 1"


def test_a_text_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a: *b\n")
    environ = {"REGISTRY_HTTP_SECRET_FILE": str(file), TOKEN_FILE: str(file)}
    result = decoded("{}", environ)
    assert result.config.http.secret == "a: *b"
    assert result.config.notifications.endpoints[0].headers == {"authorization": ("a: *b",)}
    assert result.origins["http.secret"] == "the file that REGISTRY_HTTP_SECRET_FILE names"


def test_a_key_that_ends_in_file_is_meant_itself() -> None:
    files = config("{}", HEALTH_FILE="[{file: /x}]").health.file
    assert [one.file for one in files] == ["/x"]
    assert config("{}", HEALTH_FILE_0_FILE="/x").health.file[0].file == "/x"


def test_a_text_and_its_file_cannot_both_be_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both set"):
        config("{}", HTTP_SECRET="x", HTTP_SECRET_FILE=str(tmp_path))


def test_a_file_is_only_taken_for_a_text(tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.write_text("3")
    [warning] = warnings(HTTP_WORKERS_FILE=str(file))
    assert "no key has this name" in warning


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "No such file"), (b"\xff", "no text"), (b"x" * (SECRET_BYTES_MAX + 1), "more than")],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_variable(
    content: bytes | None, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"REGISTRY_HTTP_SECRET_FILE: .*{expected}"):
        config("{}", HTTP_SECRET_FILE=str(file))


texts = st.text(string.printable, max_size=12)
numbers = st.integers(0, 2**40)
durations = st.integers(0, 10**6).map(lambda seconds: f"{seconds}s")
values = st.one_of(
    st.tuples(st.just("http.addr"), texts),
    st.tuples(st.just("http.secret"), texts),
    st.tuples(st.just("http.workers"), numbers),
    st.tuples(st.just("http.relativeurls"), st.booleans()),
    st.tuples(st.just("http.draintimeout"), durations),
    st.tuples(st.just("http.tls.clientcas"), st.lists(texts, max_size=3)),
    st.tuples(st.just("log.fields.service"), texts),
    st.tuples(st.just("log.accesslog.disabled"), st.booleans()),
    st.tuples(st.just("storage.filesystem.rootdirectory"), texts),
    st.tuples(st.just("storage.azure.retry_delay"), durations),
    st.tuples(st.just("storage.maintenance.uploadpurging.age"), durations),
    st.tuples(st.just("storage.maintenance"), st.just({"readonly": {"enabled": True}})),
    st.tuples(st.just("health.storagedriver.threshold"), numbers),
    st.tuples(st.just("auth.token.signingalgorithms"), st.lists(texts, max_size=2)),
    st.tuples(
        st.just("notifications.endpoints"),
        st.lists(st.fixed_dictionaries({"name": texts, "timeout": durations}), max_size=3),
    ),
)


def _nested(path: str, value: object) -> object:
    key, _, rest = path.partition(".")
    return {key: _nested(rest, value) if rest else value}


def _name(path: str) -> str:
    return f"REGISTRY_{path.upper().replace('.', '_')}"


@given(values)
def test_a_variable_means_what_the_same_value_means_in_the_file(pair: tuple[str, object]) -> None:
    path, value = pair
    in_file = decoded(yaml.safe_dump(_nested(path, value)), {}).config
    in_variable = decoded("{}", {_name(path): yaml.safe_dump(value)}).config
    assert in_variable == in_file


@given(st.text(string.ascii_uppercase + "_0123456789", max_size=30), texts)
def test_any_variable_is_understood_told_of_or_refused(name: str, value: str) -> None:
    with suppress(ConfigError):
        decoded("{}", {f"REGISTRY_{name}": value})
