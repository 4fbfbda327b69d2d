"""A file is published whole or not at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from kernels.errors import UserError
from kernels.publish import published, refuse_unwritable


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "model.ckpt"
    with published(target) as draft:
        draft.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["model.ckpt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "model.ckpt"
    target.write_text("old")
    with suppress(KeyboardInterrupt), published(target) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model.ckpt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"), published(tmp_path / "file" / "model"):
        pass


def test_a_folder_or_a_device_is_never_replaced(tmp_path):
    for place in (tmp_path, tmp_path / "..", Path("/dev/null")):
        with pytest.raises(UserError, match="is no file"), published(place):
            pass
        with pytest.raises(UserError, match="is no file"):
            refuse_unwritable(place)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with published(tmp_path / "link") as draft:
        draft.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(UserError, match="No space left"), published(tmp_path / "model") as draft:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), draft)
    assert list(tmp_path.iterdir()) == []


def test_trying_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "model").write_text("old")
    refuse_unwritable(tmp_path / "model")
    refuse_unwritable(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_text() == "old"
