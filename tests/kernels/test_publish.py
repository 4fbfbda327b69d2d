"""A file is published whole or not at all."""

from contextlib import suppress

import pytest

from kernels.errors import UserError
from kernels.publish import published


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
