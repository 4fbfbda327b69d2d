"""The row of masks that README shows."""

import numpy as np
import pytest

from kernels.errors import UserError
from trainer import data


def test_photo_truth_and_each_mask_stand_in_their_middle_squares(load_tool, model, shared_folder):
    name = f"folder:{shared_folder}"
    sample = data.load(name).split("test")[1].read()
    panels = load_tool("row").row([model, model], name, 1)
    assert [panel.shape for panel in panels] == [(61, 61, 3)] * 4
    photo, truth, *masks = panels
    assert (photo == sample.picture[:, 11:72]).all()
    # Void is black.
    assert (truth.any(2) == (sample.labels[:, 11:72] != 255)).all()
    assert np.array_equal(*masks)
    assert all(mask.any(2).all() for mask in masks)


def test_a_picture_that_is_not_there_is_told(load_tool, model, shared_folder):
    with pytest.raises(UserError, match="--picture 2: the test split has 2"):
        load_tool("row").row([model], f"folder:{shared_folder}", 2)
