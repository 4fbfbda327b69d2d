"""The row of masks that README shows."""

import numpy as np

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
