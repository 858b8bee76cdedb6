import pytest

from layerstore.storage.driver import (
    InvalidOffset,
    InvalidPath,
    OutOfSpace,
    PathNotFound,
    StorageError,
    StorageUnavailable,
    check_folder,
    check_path,
)


@pytest.mark.parametrize("path", ["/a", "/a/b.c/-_/Z9", "/...", "/..a"])
def test_paths_of_the_grammar_pass(path: str) -> None:
    check_path("any", path)
    check_folder("any", path)


@pytest.mark.parametrize("path", ["", "a", "/a/", "/a//b", "/..", "/a/.", "/a\n", "/a\r", "/%41"])
def test_other_paths_are_refused(path: str) -> None:
    for check in (check_path, check_folder):
        with pytest.raises(InvalidPath):
            check("any", path)


def test_the_root_is_a_folder_and_no_file() -> None:
    check_folder("any", "/")
    with pytest.raises(InvalidPath):
        check_path("any", "/")


@pytest.mark.parametrize(
    "error",
    [
        PathNotFound("s3", "/a"),
        InvalidPath("s3", "/a"),
        InvalidOffset("s3", "/a", 5, 7),
        OutOfSpace("s3", "/a"),
        StorageUnavailable("s3", "/a", "read-only"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_names_its_driver_and_path(error: StorageError) -> None:
    assert (error.driver, error.path) == ("s3", "/a")
    assert "s3" in str(error)
    assert "/a" in str(error)
