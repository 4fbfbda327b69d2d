"""`streets` is drawn once, kept in the cache, and its splits share no scene."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import UserError
from trainer import data, streets
from trainer.datasets import streets as dataset


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Two scenes a split, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blocks = {name: replace(block, count=2) for name, block in dataset.BLOCKS.items()}
    monkeypatch.setattr(dataset, "BLOCKS", blocks)
    return tmp_path / "cache"


def test_scenes_are_drawn_once_at_the_size_asked_for(few):
    loaded = data.load("streets:64x96")
    files = {path: path.stat().st_mtime_ns for path in few.rglob("*.*") if path.is_file()}
    assert len(files) == 2 * 2 * 3
    for pairs in loaded.splits.values():
        for pair in pairs:
            sample = pair.read()
            assert sample.picture.shape == (64, 96, 3)
            assert sample.labels.shape == (64, 96)
    data.load("streets:64x96")
    assert files == {path: path.stat().st_mtime_ns for path in files}


def test_a_cached_mask_is_what_was_rendered(few):
    pair = data.load("streets:64x96").split("val")[1]
    _, labels = streets.render(dataset.BLOCKS["val"].first + 1, (64, 96))
    assert np.array_equal(pair.read().labels, labels)


def test_a_scene_that_got_lost_is_drawn_again(few):
    pair = data.load("streets:64x96").split("train")[0]
    before = pair.read().labels
    pair.mask.unlink()
    again = data.load("streets:64x96").split("train")[0]
    assert np.array_equal(again.read().labels, before)


def test_splits_share_no_seed():
    seeds = [
        seed
        for block in dataset.BLOCKS.values()
        for seed in range(block.first, block.first + block.count)
    ]
    assert len(seeds) == len(set(seeds)) == 260


def test_a_cache_that_cannot_be_written_is_replaced_and_said(few, monkeypatch, capsys, tmp_path):
    few.write_text("a file where the folder should be")
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    pair = data.load("streets:64x96").split("train")[0]
    assert spare in pair.mask.parents
    assert pair.mask.is_file()
    assert "cannot keep street scenes" in capsys.readouterr().err


def test_a_user_without_a_home_has_a_cache_too(few, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert dataset._cache().is_dir()


@pytest.mark.parametrize("where", ["64", "64x", "0x0", "63x64", "64x9999", "64*64", "big"])
def test_a_size_that_is_none_is_refused_with_an_example(where):
    with pytest.raises(UserError) as caught:
        data.load(f"streets:{where}")
    assert "streets:512x1024" in caught.value.hint


def test_colours_tell_the_classes_apart():
    assert len(streets.CLASSES) == len(streets.PALETTE) == len(set(streets.PALETTE)) == 12
