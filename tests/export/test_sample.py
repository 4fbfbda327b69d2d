"""Changed pixels are counted by class and by distance to a border, and the gates hold."""

import numpy as np
import pytest

from export.precisions import bf16, fp16, int8
from export.report import Report
from export.sample import BANDS, Sample, distance_band
from export.verify import Verdict


def verdict(**given):
    plain = {"pictures": 1, "pixels": 10_000, "small_differs": 0, "logit_error": 1e-6}
    return Verdict(**{**plain, "logit_size": 1.0, "changed": 0, "unexplained": 0, **given})


def sample(*, changed=0, lost=0, **given):
    """Two classes of 5000 pixels; of the first `lost` went from right to wrong."""
    return Sample(
        classes=("one", "two"),
        verdict=verdict(changed=changed, unexplained=changed, **given),
        by_class=np.array([[5000, 5000], [changed, 0]]),
        by_distance=np.array([[100, 900, 9000], [changed, 0, 0]]),
        checkpoint=np.array([[5000, 0], [0, 5000]]),
        artefact=np.array([[5000 - lost, lost], [0, 5000]]),
    )


def test_distances_are_those_of_a_brute_force_search():
    mask = np.random.default_rng(0).integers(0, 40, (12, 17)) // 39
    mask[:, 9:] = 2
    rows, columns = np.indices(mask.shape)
    for y, x in np.ndindex(*mask.shape):
        far = np.maximum(np.abs(rows - y), np.abs(columns - x))[mask != mask[y, x]].min()
        expected = 0 if far <= 1 else 1 if far <= 3 else 2
        assert distance_band(mask.astype(np.uint8))[y, x] == expected


def test_a_mask_of_one_class_has_no_border():
    assert (distance_band(np.zeros((5, 7), np.uint8)) == len(BANDS) - 1).all()


def test_the_counts_of_two_pictures_add_up():
    total = sample(changed=10) + sample(changed=30)
    told = total.plain()
    assert (told["pictures"], told["changed"], total.changed) == (2, 40, 0.002)
    assert told["changed_by_class"] == {"one": 0.004, "two": 0.0}
    assert told["changed_by_distance"] == {"<=1": 0.2, "<=3": 0.0, ">3": 0.0}
    assert "0.2000 % of pixels changed on 2 labelled pictures" in str(total)


def report(precision, **given):
    return Report(precision=precision, verdict=verdict(), sample=sample(**given))


def test_fp32_lets_near_ties_pass_and_nothing_else():
    near = Report(precision="fp32", verdict=verdict(changed=3))
    assert near.agrees
    assert not report("fp32", changed=1).agrees
    assert not Report(precision="fp32", verdict=verdict(unexplained=1)).agrees


@pytest.mark.parametrize(("precision", "gate"), [("fp16", fp16.GATE), ("bf16", bf16.GATE)])
def test_16_bits_may_change_few_pixels_and_lose_little(precision, gate):
    most = int(gate.changed * 10_000)
    assert report(precision, changed=most).agrees
    assert not report(precision, changed=most + 1).agrees
    # Of two classes of 5000 pixels each.
    lost = round(gate.miou * 5_000)
    assert report(precision, lost=lost).agrees
    assert not report(precision, lost=lost + 1).agrees


def test_int8_may_lose_one_point_or_what_the_user_accepts():
    assert int8.GATE.miou == 0.01
    assert report("int8", changed=5000, lost=50).agrees
    refused = report("int8", lost=500)
    assert not refused.agrees
    assert refused.objections == ["mIoU falls from 100.00 to 90.45, allowed is 1"]
    accepted = Report(precision="int8", verdict=verdict(), sample=sample(lost=500), accept=True)
    assert accepted.agrees
    assert accepted.plain()["accepted"]


def test_nothing_excuses_a_wrong_graph_around_the_network():
    for fault in ({"small_differs": 1}, {"mispainted": 1}, {"logit_error": float("nan")}):
        broken = Report(precision="int8", verdict=verdict(**fault), sample=sample(), accept=True)
        assert not broken.agrees
        assert not broken.is_waivable


def test_without_labelled_pictures_the_loss_of_int8_is_not_known():
    blind = Report(precision="int8", verdict=verdict())
    assert "not known" in blind.objections[0]
    assert Report(precision="fp16", verdict=verdict()).agrees
