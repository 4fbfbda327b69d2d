"""UniMatch learns what its teacher is sure of, as its formula says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainer import mixing, pseudo
from trainer.methods import unimatch
from trainer.methods.unimatch import Options, draw

# Low, so that a fresh teacher is sure of something.
METHOD = "unimatch:confidence=0.4"


def started(learner, batches, method=METHOD, **options):
    """A learner whose teacher is another network than the student, and its next batch."""
    made = learner(method, **options)
    source = batches(made)
    with torch.no_grad():
        for weight in made.objective.teacher.network.parameters():
            weight.mul_(3.0)
    return made, next(source)


def test_the_loss_is_that_of_the_formula(learner, batches, cross_entropy):
    made, batch = started(learner, batches)
    crops, network = batch.unlabelled, made.network
    with torch.no_grad():
        labelled = cross_entropy(
            network(batch.pictures).numpy(), batch.shares.numpy(), batch.shares.numpy().sum()
        )
        targets = pseudo.shares(
            made.objective.teacher(crops.weak), crops, mode="area", confidence=0.4
        ).numpy()
        draws = [draw(s, (32, 48), network.widths, Options()) for s in crops.seeds]
        total = 0.0
        for view in (0, 1):
            for item in range(4):
                partner, box = (item + 1) % 4, draws[item].boxes[view]
                shown = crops.strong[view][item].clone()
                shown[box] = crops.strong[view][partner][box]
                wanted = targets[item].copy()
                wanted[:, box] = targets[partner][:, box]
                levels = [
                    level * torch.from_numpy(gain[view])[None, :, None, None]
                    for level, gain in zip(
                        network.encode(shown[None]), draws[item].gains, strict=True
                    )
                ]
                logits = network.decode(levels, shown[None]).numpy()
                total += cross_entropy(logits, wanted[None], crops.valid.numpy().sum())
        loss = made.objective(batch, made.objective.mass(batch))
    assert targets.any()
    assert float(loss) == pytest.approx((labelled + total / 2) / 2, rel=1e-5)


def test_no_gradient_reaches_the_teacher_or_comes_through_its_labels(learner, batches):
    made, batch = started(learner, batches)
    targets = []
    real = pseudo.shares

    def noted(logits, *more, **options):
        targets.append((logits, real(logits, *more, **options)))
        return targets[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pseudo, "shares", noted)
        made.objective(batch, made.objective.mass(batch)).backward()
    ((taught, shares),) = targets
    assert not taught.requires_grad
    assert not shares.requires_grad
    assert all(weight.grad is None for weight in made.objective.teacher.parameters())
    assert all(weight.grad.any() for weight in made.network.parameters())
    assert not made.objective.own_parameters()


def test_what_one_view_loses_the_other_has_twice():
    draws = [draw(seed, (8, 12), (6, 8), Options()) for seed in range(400)]
    dropped = [d for d in draws if any((gain != 1).any() for gain in d.gains)]
    assert len(dropped) / 400 == pytest.approx(0.5, abs=0.08)
    for one in dropped:
        for gain in one.gains:
            assert set(np.unique(gain)) <= {0.0, 2.0}
            assert (gain.sum(0) == 2).all()
    lost = np.mean([(d.gains[1][0] == 0).mean() for d in dropped])
    assert lost == pytest.approx(0.5, abs=0.05)


def test_boxes_are_as_frequent_and_as_large_as_published():
    draws = [draw(seed, (60, 90), (6,), Options()) for seed in range(400)]
    sizes = np.array([[box.mean() for box in one.boxes] for one in draws])
    assert (sizes > 0).mean() == pytest.approx(0.5, abs=0.06)
    assert sizes[sizes > 0].min() > 0.015
    assert sizes.max() <= 0.4
    assert not np.array_equal(sizes[:, 0], sizes[:, 1])
    for box in draws[0].boxes[draws[0].boxes.any((1, 2))]:
        rows, columns = box.any(1), box.any(0)
        assert np.array_equal(box, rows[:, None] & columns[None])


def test_a_mixed_crop_shows_the_next_one_in_its_box():
    batch = torch.arange(3.0)[:, None, None].expand(3, 2, 2)
    place = torch.zeros(3, 2, 2, dtype=torch.bool)
    place[0, 0, 1] = place[2, 1] = True
    assert mixing.mixed(batch, place).tolist() == [
        [[0, 1], [0, 0]],
        [[1, 1], [1, 1]],
        [[2, 2], [0, 0]],
    ]


def test_where_the_teacher_is_not_sure_only_labels_teach(learner, batches):
    made, batch = started(learner, batches, "unimatch:confidence=0.999999")
    soft = learner("soft")
    soft.network.load_state_dict(made.network.state_dict())
    with torch.no_grad():
        half = made.objective(batch, made.objective.mass(batch))
        whole = soft.objective(batch, soft.objective.mass(batch))
    assert float(half) == pytest.approx(float(whole) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("labels", "loss"), [("full", "ce"), ("full", "jdt"), ("nearest-random", "ce")]
)
def test_other_labels_than_area_have_a_teacher_too(learner, batches, labels, loss):
    made, batch = started(learner, batches, labels=labels, loss=loss)
    sure, unsure = (
        learner(f"unimatch:confidence={value}", labels=labels, loss=loss)
        for value in ("0.4", "0.999999")
    )
    losses = []
    for one in (sure, unsure):
        one.objective.load_state_dict(made.objective.state_dict())
        losses.append(float(one.objective(batch, one.objective.mass(batch)).detach()))
    assert losses[0] > losses[1] > 0


def test_unsure_pixels_count_in_what_the_loss_is_divided_by(learner, batches):
    made, batch = started(learner, batches)
    labelled, valid = made.objective.mass(batch).tolist()
    assert labelled == pytest.approx(float(batch.shares.sum()))
    assert valid == pytest.approx(float(batch.unlabelled.valid.sum()))
    with torch.no_grad():
        once = made.objective(batch, torch.tensor([labelled, valid]))
        thinner = made.objective(batch, torch.tensor([labelled, 2 * valid]))
        none = made.objective(batch, torch.tensor([labelled, 1e30]))
    assert float(once - none) == pytest.approx(2 * float(thinner - none), rel=1e-4)


def test_a_batch_in_parts_teaches_what_the_whole_teaches(learner, batches):
    # A box would come from another crop, because a part has other neighbours.
    options = {"optimiser": "sgd", "learning_rate": 0.1, "steps": 3}
    weights = []
    for parts in (1, 2):
        made = learner(f"{METHOD},mixed=0", accumulate=parts, **options)
        for batch in batches(made):
            made.step(batch)
        weights.append(torch.cat([w.detach().flatten() for w in made.network.parameters()]))
    assert torch.allclose(*weights, atol=1e-6)


def test_the_teacher_is_the_plain_mean_at_first_and_slow_later(learner, batches):
    made = learner("unimatch:keep=0.6")
    expected = None
    for step, batch in enumerate(batches(made), 1):
        made.step(batch)
        weight = made.network.body.head.weight.detach().clone()
        keep = min(1 - 1 / step, 0.6)
        expected = weight if expected is None else keep * expected + (1 - keep) * weight
    assert torch.allclose(made.objective.teacher.network.body.head.weight, expected)
    assert not torch.allclose(made.network.body.head.weight, expected)


def test_the_teacher_begins_with_the_weights_that_are_brought(learner, tmp_path):
    made = learner("unimatch", weights=str(tmp_path / "body.pth"))
    public = {name: value + 1 for name, value in made.network.body.state_dict().items()}
    torch.save(public, tmp_path / "body.pth")
    made.begin()
    teacher = made.objective.teacher.network.body.state_dict()
    assert all(value.equal(public[name]) for name, value in teacher.items())


def test_the_teacher_predicts_while_the_student_trains(learner):
    made = learner("unimatch")
    made.objective.train()
    assert made.network.training
    assert not any(module.training for module in made.objective.teacher.modules())


def test_it_wants_a_loader_that_gives_unlabelled_crops(learner, batches):
    made, batch = started(learner, batches)
    with pytest.raises(TypeError, match="no unlabelled crops"):
        made.objective.mass(replace(batch, unlabelled=None))
    assert made.objective.disguise.views == unimatch.VIEWS
