"""One way in: the file, the variables, and what holds when there is neither."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from layerstore.config import Config, ConfigError
from layerstore.config.loading import (
    OWN_FOLDER,
    SYSTEM_FOLDER,
    WITHOUT_FILE,
    defaults_without_file,
    load,
    read,
)

MINIMAL = "version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file that says as little as possible."""
    path = tmp_path / "config.yml"
    path.write_text(MINIMAL)
    return path


def test_with_a_file_the_defaults_are_the_originals(file: Path) -> None:
    config = load(file, {}).config
    assert config.http.addr == ":5000"
    assert not config.storage.delete.enabled
    assert config.validation.manifests.urls.allow == ()
    assert config.storage.filesystem is not None
    assert config.storage.filesystem.rootdirectory == "/data"


@pytest.mark.parametrize(("as_root", "folder"), [(True, SYSTEM_FOLDER), (False, OWN_FOLDER)])
def test_without_a_file_the_defaults_are_for_trying_out(as_root: bool, folder: str) -> None:
    config = defaults_without_file(as_root=as_root)
    assert config.http.addr == "localhost:5000"
    assert config.storage.delete.enabled
    assert config.validation.manifests.urls.allow == (".*",)
    assert config.storage.filesystem is not None
    assert config.storage.filesystem.rootdirectory == folder


def test_without_a_file_nothing_is_strange() -> None:
    loaded = load(None, {"PATH": "/bin"})
    assert loaded.config == defaults_without_file(as_root=os.geteuid() == 0)
    assert loaded.warnings == ()
    assert set(loaded.origins.values()) == {WITHOUT_FILE}


@pytest.mark.parametrize(
    ("environ", "driver"),
    [
        ({"REGISTRY_STORAGE": "inmemory"}, "inmemory"),
        ({"REGISTRY_STORAGE_INMEMORY": "{}"}, "inmemory"),
        ({"REGISTRY_STORAGE": "filesystem"}, "filesystem"),
        ({"REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS": "30"}, "filesystem"),
        ({"REGISTRY_STORAGE_REDIRECT_DISABLE": "true"}, "filesystem"),
        ({"REGISTRY_STORAGE": ""}, "filesystem"),
    ],
)
def test_without_a_file_variables_choose_and_the_rest_stays(
    environ: dict[str, str], driver: str
) -> None:
    storage = load(None, environ).config.storage
    assert storage.drivers == [driver]
    assert storage.delete.enabled
    if storage.filesystem is not None:
        assert storage.filesystem.rootdirectory in (SYSTEM_FOLDER, OWN_FOLDER)


def test_a_variable_stands_above_what_holds_without_a_file() -> None:
    environ = {
        "REGISTRY_HTTP_ADDR": ":1",
        "REGISTRY_STORAGE_DELETE_ENABLED": "false",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/mine",
    }
    config = load(None, environ).config
    assert (config.http.addr, config.storage.delete.enabled) == (":1", False)
    assert config.storage.filesystem is not None
    assert config.storage.filesystem.rootdirectory == "/mine"


def test_a_variable_names_the_file_unless_an_argument_does(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text(MINIMAL.replace("/data", "/other"))
    environ = {"REGISTRY_CONFIGURATION_PATH": str(other)}
    for path, folder in ((None, "/other"), (file, "/data")):
        filesystem = load(path, environ).config.storage.filesystem
        assert filesystem is not None
        assert filesystem.rootdirectory == folder


@pytest.mark.parametrize("version", ["0.1", "0.0", "'0.1'"])
def test_a_known_version_is_taken(version: str, file: Path) -> None:
    file.write_text(MINIMAL.replace("0.1", version))
    load(file, {})


@pytest.mark.parametrize("version", ["0.2", "0.10", "1.0", "1", "v0.1", "", "[0, 1]", "-0.1"])
def test_another_version_is_refused(version: str, file: Path) -> None:
    file.write_text(MINIMAL.replace("0.1", version))
    with pytest.raises(ConfigError, match=r"^version: "):
        load(file, {})


def test_a_file_without_a_version_is_refused_with_what_to_write(file: Path) -> None:
    file.write_text("storage: inmemory\n")
    with pytest.raises(ConfigError, match=r"write 'version: 0\.1'"):
        load(file, {})


@pytest.mark.parametrize("content", [b"", b"[]", b"word", b"\xff\xfe", b"a: [", b"\x00"])
def test_a_file_that_is_no_configuration_is_refused_by_its_name(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert str(file) in str(raised.value)


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yml", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            load(path, {})


def test_a_file_is_never_written(file: Path) -> None:
    file.chmod(stat.S_IRUSR)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    load(file, {"REGISTRY_HTTP_ADDR": ":1"})
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_byte_order_mark_does_not_matter(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    load(file, {})


def test_the_former_key_of_the_level_counts_unless_the_new_one_is_there(file: Path) -> None:
    for text, level in (
        ("loglevel: debug\n", "debug"),
        ("loglevel: debug\nlog: \n", "debug"),
        ("loglevel: debug\nlog: {formatter: json}\n", "debug"),
        ("loglevel: debug\nlog: {level: error}\n", "error"),
        ("loglevel: \n", "info"),
    ):
        file.write_text(MINIMAL + text)
        assert load(file, {}).config.log.level == level
    file.write_text(MINIMAL + "loglevel: debug\n")
    assert load(file, {}).warnings[0].startswith("loglevel: the former name of log.level")


def test_warnings_come_from_the_file_the_variables_and_the_keys(file: Path) -> None:
    file.write_text(MINIMAL + "log: {}\nlog: {}\nhtpp: {}\nloglevel: info\n")
    warnings = load(file, {"REGISTRY_X": "1"}).warnings
    assert [warning.partition(": ")[0] for warning in warnings] == [
        f"{file}, line 4",
        "REGISTRY_X",
        "htpp",
        "loglevel",
    ]


def test_what_cannot_be_served_can_still_be_read(file: Path) -> None:
    file.write_text(MINIMAL + "proxy: {remoteurl: 'https://registry.example'}\n")
    assert read(file, {}).config.proxy.remoteurl == "https://registry.example"
    with pytest.raises(ConfigError, match=r"^proxy\.remoteurl: "):
        load(file, {})


def test_a_configuration_is_the_same_after_a_way_through_json(file: Path) -> None:
    file.write_text(MINIMAL + "http: {headers: {X: [a]}, draintimeout: 90s, relativeurls: false}\n")
    config = load(file, {}).config
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config
