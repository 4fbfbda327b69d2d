"""`camvid` in its original form: 32 colours become 11 classes, films the customary splits."""

import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from trainer import data

LEGEND = """64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\tTrafficCone
0 64 64\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\tTunnel
192 192 0\tVegetationMisc
0 0 0\tVoid
64 192 0\tWall
"""
# The label of each line above, by hand.
LABELS = [
    *(9, 1, 10, 1, 1, 8, 9, 9, 2, 7, 3, 3, 6, 10, 8, 4),
    *(9, 3, 4, 4, 6, 0, 8, 2, 6, 8, 5, 8, 1, 5, 255, 1),
]
FRAMES = {
    "0001TP_008520": "train",
    "0001TP_008550": "test",
    "0006R0_f03930": "train",
    "0016E5_07920": "train",
    "0016E5_07959": "val",
    "0016E5_08159": "val",
    "0016E5_08190": "train",
    "Seq05VD_f05100": "test",
}


@pytest.fixture
def original(writer):
    """The original folder; every picture shows all 32 colours, one a column."""
    colours = [[int(part) for part in line.split()[:3]] for line in LEGEND.splitlines()]
    for seed, name in enumerate(FRAMES):
        photo = np.random.default_rng(seed).integers(0, 256, (8, 32, 3)).astype(np.uint8)
        writer.save(f"701_StillsRaw_full/{name}.png", photo)
        mask = np.tile(np.array(colours, np.uint8), (8, 1, 1))
        writer.save(f"LabeledApproved_full/{name}_L.png", mask)
    writer.text("label_colors.txt", LEGEND)
    return writer


def load(writer):
    return data.load(f"camvid:{writer.root}")


def test_32_colours_become_11_classes(original):
    labels = load(original).split("val")[0].read().labels
    assert labels[3].tolist() == LABELS


def test_without_lists_the_films_tell_the_customary_split(original, capsys):
    dataset = load(original)
    for split in ("train", "val", "test"):
        names = {pair.picture.stem for pair in dataset.split(split)}
        assert names == {name for name, of in FRAMES.items() if of == split}
    assert "split as is customary, by film: train 4, val 2, test 2" in capsys.readouterr().err


def test_lists_beside_the_pictures_decide_before_that(original):
    original.text("train.txt", "0016E5_07959\n/CamVid/701_StillsRaw_full/0001TP_008550.png\n")
    original.text("val.txt", "Seq05VD_f05100.png 701_Labels/Seq05VD_f05100_L.png\n")
    dataset = load(original)
    assert [p.picture.stem for p in dataset.split("train")] == ["0016E5_07959", "0001TP_008550"]
    assert [p.picture.stem for p in dataset.split("val")] == ["Seq05VD_f05100"]


def test_a_frame_of_no_known_film_asks_for_lists(original):
    original.photo("701_StillsRaw_full/holiday.png")
    with pytest.raises(UserError, match=r"holiday\.png: not a frame of the four films") as caught:
        load(original)
    assert "train.txt" in caught.value.hint


def test_palette_masks_go_by_their_colours(original):
    path = original.root / "LabeledApproved_full" / "0016E5_07959_L.png"
    with Image.open(path) as image:
        image.quantize(32).save(path)
    with Image.open(path) as image:
        assert image.mode == "P"
    assert load(original).split("val")[0].read().labels[3].tolist() == LABELS


def test_an_unknown_colour_is_counted_and_named(original):
    path = original.root / "LabeledApproved_full" / "0016E5_07959_L.png"
    with Image.open(path) as image:
        image.putpixel((0, 0), (1, 2, 3))
        image.putpixel((1, 0), (1, 2, 3))
        image.save(path)
    with pytest.raises(UserError, match=r"1 of its colours belong to no class: 1,2,3 \(2 pixels\)"):
        load(original)


@pytest.mark.parametrize("line", ["1 2 3\tUnicorn", "1 2\tRoad", "red 2 3 Road"])
def test_a_legend_that_is_another_is_told_with_its_line(original, line):
    original.text("label_colors.txt", f"{LEGEND}{line}\n")
    with pytest.raises(UserError, match=r"label_colors\.txt, line 33: .* none of the 32 classes"):
        load(original)
