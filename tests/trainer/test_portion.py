"""A share of the training list is drawn by seed, or named by a list; the rest has no labels."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data, portion, resume
from trainer import fit as fitting
from trainer.recipe import Recipe


@pytest.fixture(scope="module")
def dataset(shared_folder):
    return data.load(f"folder:{shared_folder}")


def names(dataset):
    return [pair.picture.name for pair in dataset.split("train")]


def of(dataset, **options):
    return portion.divided(dataset, Recipe(**options))


def test_without_a_wish_the_data_set_is_what_it_was(dataset):
    assert of(dataset) is dataset


def test_labelled_and_unlabelled_pictures_are_the_training_list(dataset):
    half = of(dataset, labelled="1/2")
    assert len(half.split("train")) == 3
    others = [path.name for path in half.unlabelled]
    assert sorted([*names(half), *others]) == names(dataset)
    assert half.splits["val"] == dataset.splits["val"]


def test_the_draw_depends_on_the_seed_and_smaller_shares_are_parts_of_larger_ones(dataset):
    draws = {tuple(names(of(dataset, labelled="1/2", seed=seed))) for seed in range(8)}
    assert len(draws) > 1
    assert names(of(dataset, labelled="0.5")) == names(of(dataset, labelled="1/2"))
    assert set(names(of(dataset, labelled="1/6"))) < set(names(of(dataset, labelled="1/2")))
    assert len(of(dataset, labelled="0.001").split("train")) == 1


@pytest.mark.parametrize("text", ["0", "2", "1/0", "-1/2", "an eighth", "", "1e-3"])
def test_what_is_neither_a_share_nor_a_file_is_refused(dataset, text):
    with pytest.raises(UserError, match="neither a share of the training list nor a file"):
        of(dataset, labelled=text)


def test_a_written_list_is_read_again(dataset, tmp_path):
    half = of(dataset, labelled="1/2", seed=5)
    portion.write(half, tmp_path)
    assert names(of(dataset, labelled=str(tmp_path / "labelled.txt"))) == names(half)


@pytest.mark.parametrize("line", ["4.png", "4", "somewhere/train/4.png masks/4.png", "4.jpg"])
def test_a_list_may_name_pictures_as_other_lists_do(dataset, tmp_path, line):
    (tmp_path / "list.txt").write_text(f"0.png\n{line}\n")
    assert names(of(dataset, labelled=str(tmp_path / "list.txt"))) == ["0.png", "4.png"]


def pair(path):
    return data.Pair(picture=path, mask=path)


def test_pictures_of_one_name_are_told_apart_by_their_folders(dataset, tmp_path):
    pictures = [tmp_path / place for place in ("a/x y.png", "b/x y.png", "b/z,1.png")]
    split = {"train": [pair(path) for path in pictures]}
    twins = data.Dataset(classes=("a", "b"), palette=((0, 0, 0),) * 2, ignore=255, splits=split)
    portion.write(twins, tmp_path)
    text = (tmp_path / "labelled.txt").read_text()
    assert text == "a/x y.png\t\nb/x y.png\t\nb/z,1.png\t\n"
    again = of(twins, labelled=str(tmp_path / "labelled.txt"))
    assert [one.picture for one in again.split("train")] == pictures
    (tmp_path / "other.txt").write_text("x y.png\t\n")
    with pytest.raises(UserError, match=r"other\.txt, line 1: 2 training pictures are called"):
        of(twins, labelled=str(tmp_path / "other.txt"))


def test_a_name_that_is_no_training_picture_is_told_with_its_line(dataset, tmp_path):
    (tmp_path / "list.txt").write_text("0.png\n\n77.png\n")
    with pytest.raises(UserError, match="line 3: no training pictures are called 77"):
        of(dataset, labelled=str(tmp_path / "list.txt"))


def test_pictures_of_a_folder_come_after_the_rest_of_the_list(dataset, tmp_path):
    (tmp_path / "deep").mkdir()
    for place in ("b.png", "deep/a.jpg"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / place)
    (tmp_path / "notes.txt").write_text("no picture")
    found = of(dataset, labelled="5/6", unlabelled=str(tmp_path)).unlabelled
    assert [path.name for path in found[1:]] == ["b.png", "a.jpg"]
    assert found[0].parent.name == "train"
    assert len(of(dataset, unlabelled=str(tmp_path)).unlabelled) == 2


def test_a_folder_without_pictures_or_with_a_damaged_one_is_named(dataset, tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        of(dataset, unlabelled=str(tmp_path / "none"))
    with pytest.raises(UserError, match="no pictures in"):
        of(dataset, unlabelled=str(tmp_path))
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(UserError, match=r"broken\.png: not a readable picture"):
        of(dataset, unlabelled=str(tmp_path))


def test_the_fingerprint_changes_with_the_portion(dataset):
    prints = [
        resume.fingerprint(one)
        for one in (dataset, of(dataset, labelled="1/2"), of(dataset, labelled="1/2", seed=1))
    ]
    assert len(set(prints)) == 3


@pytest.mark.usefixtures("plain_network")
def test_a_run_keeps_its_list_and_goes_on_with_it(shared_folder, tmp_path, capsys, monkeypatch):
    recipe = Recipe(
        data=f"folder:{shared_folder}",
        factor=Fraction(1, 2),
        steps=2,
        batch=2,
        labelled="1/2",
        method="soft",
    )
    place = {"out": tmp_path / "model.ckpt", "runs": tmp_path / "runs", "device": "cpu"}
    outcome = fitting.fit(recipe, data.load(recipe.data), **place)
    assert "3 labelled pictures; 3 without labels are left alone" in capsys.readouterr().err
    listed = (outcome.run.folder / "labelled.txt").read_text().split()
    assert listed == names(of(data.load(recipe.data), labelled="1/2"))
    # Another way to draw would not matter to a run that has its list.
    monkeypatch.setattr(portion, "_share", lambda text: Fraction(1))
    state = resume.load(outcome.run.folder)
    again = fitting.fit(state.recipe, data.load(recipe.data), **place, state=state)
    assert again.score.mean_iou == outcome.score.mean_iou


@pytest.mark.usefixtures("plain_network")
def test_a_run_with_all_labels_after_all_goes_on_without_a_list(shared_folder, tmp_path):
    recipe = Recipe(
        data=f"folder:{shared_folder}", factor=Fraction(1, 2), steps=2, batch=2, labelled="0.99"
    )
    place = {"out": tmp_path / "model.ckpt", "runs": tmp_path / "runs", "device": "cpu"}
    outcome = fitting.fit(recipe, data.load(recipe.data), **place)
    assert not (outcome.run.folder / "labelled.txt").exists()
    state = resume.load(outcome.run.folder)
    again = fitting.fit(state.recipe, data.load(recipe.data), **place, state=state)
    assert again.score.mean_iou == outcome.score.mean_iou
