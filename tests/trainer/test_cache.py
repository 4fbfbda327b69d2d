"""Decoded pictures are read as they were decoded, and a cache that fails costs nothing but time."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import cache, data
from trainer.cache import cached


@pytest.fixture
def dataset(folder):
    return data.load(f"folder:{folder}")


def samples(dataset):
    return [pair.read() for pair in dataset.split("train")]


def same(ours, theirs):
    return all(
        a.name == b.name
        and np.array_equal(a.picture, b.picture)
        and np.array_equal(a.labels, b.labels)
        and a.labels.dtype == b.labels.dtype
        for a, b in zip(ours, theirs, strict=True)
    )


def test_a_cached_sample_is_the_decoded_one_and_is_decoded_once(dataset, tmp_path, monkeypatch):
    plain = samples(dataset)
    kept = cached(dataset, tmp_path / "cache")
    assert same(samples(kept), plain)

    def decoding(path):
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(data, "read_picture", decoding)
    assert same(samples(kept), plain)
    # Another process finds it as well: nothing in a name is this one's alone.
    assert same(samples(cached(dataset, tmp_path / "cache")), plain)


def test_other_splits_are_read_as_they_are(dataset, tmp_path):
    kept = cached(dataset, tmp_path / "cache")
    assert kept.splits["val"] == dataset.splits["val"]


def test_a_changed_picture_is_decoded_anew(dataset, tmp_path):
    kept = cached(dataset, tmp_path / "cache")
    first = kept.split("train")[0]
    before = first.read().picture
    Image.fromarray(255 - before).save(first.picture)
    assert np.array_equal(first.read().picture, 255 - before)


def test_masks_that_mean_something_else_are_decoded_anew(dataset, tmp_path):
    pair = dataset.split("train")[0]
    other = data.Pair(picture=pair.picture, mask=pair.mask, decode=lambda path: pair.read().labels)
    assert cache._key(pair) != cache._key(other)


def test_a_damaged_file_is_written_anew(dataset, tmp_path):
    kept = cached(dataset, tmp_path / "cache")
    plain = samples(kept)
    for place in (tmp_path / "cache").iterdir():
        place.write_bytes(place.read_bytes()[:50])
    assert same(samples(kept), plain)
    assert same(samples(kept), plain)
    assert min(place.stat().st_size for place in (tmp_path / "cache").iterdir()) > 1000


def test_a_full_disk_is_said_once_and_training_goes_on(dataset, tmp_path, monkeypatch, capsys):
    def full(content, place):
        raise UserError(f"cannot write {place}: No space left on device")

    monkeypatch.setattr(cache, "_write", full)
    kept = cached(dataset, tmp_path / "cache")
    assert same(samples(kept), samples(dataset))
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_cache_that_cannot_be_made_is_an_error_before_the_work(dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: cannot be made"):
        cached(dataset, tmp_path / "file")
