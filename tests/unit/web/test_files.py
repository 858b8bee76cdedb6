"""Files on their way out are held for a moment, and no longer."""

from pathlib import Path

import pytest

from layerstore.oci.errors import BlobUnknown, Unknown
from layerstore.web import files
from layerstore.web.files import HeldFiles, open_checked, read_checked
from layerstore.web.message import FileBody
from tests.edge import until
from tests.processes import open_files

CONTENT = b"some content"


@pytest.fixture
def body(tmp_path: Path) -> FileBody:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return FileBody(path, len(CONTENT))


async def test_a_held_file_can_be_opened_by_its_name_when_it_is_gone(body: FileBody) -> None:
    path = HeldFiles(seconds=0.01).path_for(body)
    body.path.unlink()
    assert Path(path).read_bytes() == CONTENT


async def test_a_held_file_is_let_go(body: FileBody) -> None:
    path = Path(HeldFiles(seconds=0.01).path_for(body))
    assert path.exists()
    await until(lambda: not path.exists(), "the descriptor is closed")


async def test_files_beyond_the_limit_are_named_by_their_path(
    body: FileBody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "HELD_MAX", 1)
    held = HeldFiles(seconds=0.01)
    first = held.path_for(body)
    assert held.path_for(body) == str(body.path)
    await until(lambda: not Path(first).exists(), "the first one is let go")
    assert held.path_for(body) != str(body.path)


def test_a_file_that_is_gone_is_an_unknown_blob(tmp_path: Path) -> None:
    with pytest.raises(BlobUnknown):
        open_checked(FileBody(tmp_path / "gone", 1))


@pytest.mark.parametrize("wrong_by", [-1, 1])
def test_a_file_of_another_size_is_refused_and_closed(body: FileBody, wrong_by: int) -> None:
    for check in (open_checked, read_checked):
        with pytest.raises(Unknown):
            check(FileBody(body.path, body.size + wrong_by))
    assert open_files(body.path) == 0


def test_a_small_file_is_read_whole(body: FileBody) -> None:
    assert read_checked(body) == CONTENT
