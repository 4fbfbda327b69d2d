"""MLLC corrects labels as its formulas say, and learns nothing through its graphs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from trainer import mixing, pseudo
from trainer.corrector import reliable
from trainer.methods import mllc
from trainer.ranks import Ranks

METHOD = "mllc:width=7,neighbours=4,warm_up=0"


def drawn(*shape, seed=0, scale=1.0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def normalised(matrix):
    roots = 1 / np.sqrt(matrix.sum(1))
    return roots[:, None] * matrix * roots


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def layer(module, rows):
    """A 1x1 convolution of nodes [N,C], in float64."""
    weight = module.weight.detach().double().numpy()[:, :, 0, 0]
    return rows @ weight.T + module.bias.detach().double().numpy()


def slow_round(corrector, number, nodes, embedding, thresholds, softmax, count):
    """X'' and F' of one round, with dense matrices, from X [N,C] and F [N,D]."""
    features = unit(embedding)
    alike = np.maximum(features @ features.T, 0)
    near = np.eye(len(nodes))
    for i, row in enumerate(alike):
        others = [j for j in np.argsort(-row) if j != i][:count]
        near[i, others] = row[others]
    moved = normalised(near + near.T) @ nodes
    likely = softmax(nodes, 1)
    sure = likely.max(1) >= 0.95
    sure |= likely.max(1) >= thresholds[nodes.argmax(1)]
    mixed = np.where(sure[:, None], 0.2 * moved + 0.8 * nodes, 0.8 * moved + 0.2 * nodes)
    first, second = corrector.semantic[number]
    logits = layer(second, layer(first, mixed))
    likely = unit(softmax(logits, 1))
    kind = logits.argmax(1)
    kin = normalised((likely @ likely.T) * (kind[:, None] == kind))
    first, _, second = corrector.likeness[number]
    return logits, layer(second, np.maximum(layer(first, kin @ embedding), 0))


# After a round places of a class look so much alike that which are the likest is a matter of
# rounding; with all of them for neighbours it does not matter.
@pytest.mark.parametrize(("count", "rounds"), [(4, 1), (23, 2)])
def test_rounds_are_those_of_the_formulas(learner, softmax, count, rounds):
    corrector = learner(f"mllc:width=7,neighbours={count}").objective.corrector
    with torch.no_grad():
        for number, weight in enumerate(corrector.semantic.parameters()):
            weight.add_(drawn(*weight.shape, seed=number, scale=0.2))
    logits = drawn(1, 3, 4, 6, scale=2.0)
    levels = [drawn(1, 6, 8, 12, seed=1).relu(), drawn(1, 8, 4, 6, seed=2).relu()]
    thresholds = torch.tensor([0.9, 0.3, 0.6])
    outputs, embeddings = corrector(logits, levels, thresholds)
    nodes = logits[0].flatten(1).T.double().numpy()
    embedding = embeddings[0][0].detach().flatten(1).T.double().numpy()
    for number in range(rounds):
        nodes, embedding = slow_round(
            corrector, number, nodes, embedding, thresholds.numpy(), softmax, count
        )
        found = [
            one[0].detach().flatten(1).T.numpy()
            for one in (outputs[number], embeddings[number + 1])
        ]
        assert found[0] == pytest.approx(nodes, abs=1e-4)
        assert found[1] == pytest.approx(embedding, abs=1e-4)


def test_thresholds_follow_how_often_a_class_was_sure(learner):
    objective = learner(METHOD).objective
    assert objective.thresholds.tolist() == [0, 0, 0]
    objective.counts.copy_(torch.tensor([50, 100, 0]))
    assert objective.thresholds.tolist() == pytest.approx([0.475, 0.95, 0])
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.02, 0.96, 0.02], [0.4, 0.2, 0.4]])
    found = reliable(logits.log().T[None, :, None], objective.thresholds, 0.95)
    assert found.flatten().tolist() == [True, False, True, False]


def test_half_of_the_classes_of_a_crop_are_pasted():
    predicted = torch.arange(5).repeat(2, 3, 1)
    masks = mllc.class_masks(predicted, (3, 4))
    for mask in masks:
        assert len({tuple(row) for row in mask.tolist()}) == 1
        assert mask[0].sum() == 3
    again = mllc.class_masks(predicted, (3, 4))
    assert masks.equal(again)
    assert len({tuple(mllc.class_masks(predicted[:1], (s,))[0, 0].tolist()) for s in range(9)}) > 1


def test_the_loss_has_the_parts_of_the_formula(learner, batches, cross_entropy):
    made = learner(METHOD)
    batch = next(batches(made))
    objective, crops, network = made.objective, batch.unlabelled, made.network
    with torch.no_grad():
        for weight in objective.teacher.network.parameters():
            weight.mul_(3.0)
        objective.means.copy_(drawn(3, 7))
        objective.means[2] = 0

        def outputs(pictures):
            logits, levels = network(pictures), network.encode(pictures)
            nodes = F.avg_pool2d(logits, 2)
            made, embeddings = objective.corrector(nodes, levels, objective.thresholds)
            large = [F.interpolate(one, scale_factor=2, mode="bilinear").numpy() for one in made]
            return [logits.numpy(), *large], embeddings

        three, embeddings = outputs(batch.pictures)
        shares = batch.shares.numpy()
        expected = sum(cross_entropy(one, shares, shares.sum()) for one in three)
        small = F.avg_pool2d(batch.shares, 2).numpy().copy()
        small[:, 2] = 0
        means = unit(objective.means.numpy()[:2])
        for one in embeddings:
            cosines = np.einsum("cd,ndhw->nchw", means, F.normalize(one, dim=1).numpy())
            loss = cross_entropy(cosines / 0.1, small[:, :2], shares.sum() / 4)
            expected += 0.1 * loss / 3
        taught = objective._taught(batch)
        targets = pseudo.shares(taught, crops, mode="area").numpy()
        sure = (taught.softmax(1).amax(1) >= 0.968).numpy() * crops.valid.numpy()
        targets *= (sure.sum((1, 2)) / crops.valid.numpy().sum((1, 2)))[:, None, None, None]
        masks = mllc.class_masks(taught.argmax(1), crops.seeds)
        pictures, wanted = crops.strong[0].clone(), targets.copy()
        for item in range(4):
            partner = (item + 1) % 4
            pictures[item][masks[partner]] = crops.strong[0][partner][masks[partner]]
            wanted[item][:, masks[partner]] = targets[partner][:, masks[partner]]
        three, _ = outputs(pictures)
        expected += sum(cross_entropy(one, wanted, crops.valid.numpy().sum()) for one in three)
        assert float(objective(batch, objective.mass(batch))) == pytest.approx(expected, rel=1e-4)
    assert wanted.any()
    assert mixing.mixed(crops.strong[0], masks.roll(-1, 0)[..., None]).equal(pictures)


def reached(objective, value):
    """The parameters a value teaches."""
    objective.zero_grad()
    value.backward()
    return {n for n, w in objective.named_parameters() if w.grad is not None and w.grad.any()}


def test_nothing_is_learned_through_the_graphs_or_by_the_teacher(learner, batches):
    objective = learner(METHOD).objective
    batch = next(batches(learner(METHOD)))
    levels = objective.network.encode(batch.pictures)
    logits = objective.network.decode(levels, batch.pictures)
    outputs, _ = objective._corrected(objective.corrector, logits.detach(), levels)
    # Embeddings and encoder are in the graphs alone.
    names = reached(objective, (outputs[-1] * drawn(*outputs[-1].shape)).sum())
    assert {name.split(".")[1] for name in names} == {"semantic"}
    names = reached(objective, objective(batch, objective.mass(batch)))
    assert not any(name.startswith(("teach", "means")) for name in names)
    assert not objective._taught(batch).requires_grad
    assert "network.body.fine.weight" in names


def test_means_and_counts_change_after_the_step_and_follow_slowly(learner, batches):
    made = learner(METHOD)
    objective, batch = made.objective, next(batches(made))
    with torch.no_grad():
        column = objective.corrector.embed
        assert column.out_channels == 7
        levels = made.network.encode(batch.pictures)
        _, embeddings = objective._corrected(
            objective.corrector, made.network(batch.pictures), levels
        )
        features = F.normalize(embeddings[0], dim=1).numpy()
        small = F.avg_pool2d(batch.shares, 2).numpy()
        objective(batch, objective.mass(batch))
    assert not objective.means.any()
    objective.follow(1)
    mean = np.einsum("nchw,ndhw->cd", small, features) / small.sum((0, 2, 3))[:, None]
    assert objective.means.numpy() == pytest.approx(mean, abs=1e-5)
    before = objective.means.clone()
    objective.new_sums.copy_(2 * torch.ones(3, 7))
    objective.new_mass.copy_(torch.tensor([1.0, 0.0, 2.0]))
    objective.new_counts.copy_(torch.tensor([5.0, 6.0, 7.0]))
    counted = objective.counts.clone()
    objective.follow(2)
    assert torch.allclose(objective.means[0], 0.99 * before[0] + 0.01 * 2)
    assert objective.means[1].equal(before[1])
    assert (objective.counts - counted).tolist() == [5, 6, 7]
    assert not objective.new_sums.any()


def test_a_batch_in_parts_teaches_what_the_whole_teaches_until_crops_are_mixed(
    learner, batches, monkeypatch
):
    monkeypatch.setattr(mllc.mixing, "mixed", lambda batch, place: batch)
    options = {"optimiser": "sgd", "learning_rate": 0.01, "steps": 3}
    weights = []
    for parts in (1, 2):
        made = learner(METHOD, accumulate=parts, **options)
        for batch in batches(made):
            made.step(batch)
        weights.append(torch.cat([w.detach().flatten() for w in made.network.parameters()]))
    # Sums in another order; a part that counted for too much would be a hundred times as far off.
    assert torch.allclose(*weights, atol=1e-4)


class Twins(Ranks):
    """Two processes that have seen the same."""

    def sum(self, value):
        return 2 * value


def test_what_any_process_has_counted_counts(learner, batches):
    found = []
    for ranks in (Ranks(), Twins()):
        made = learner("mllc:width=7,confident=0.4")
        made.ranks = ranks
        made.step(next(batches(made)))
        found.append(made.objective)
    alone, together = found
    assert alone.counts.any()
    assert together.counts.equal(2 * alone.counts)
    assert torch.allclose(together.means, alone.means)


def test_prototypes_weigh_classes_as_the_other_labelled_parts_do(learner, batches):
    objective = learner(METHOD).objective
    batch = next(batches(learner(METHOD)))
    levels = objective.network.encode(batch.pictures)
    logits = objective.network.decode(levels, batch.pictures)
    _, embeddings = objective._corrected(objective.corrector, logits, levels)
    objective.means.copy_(drawn(3, 7))
    losses = []
    for weights in (None, torch.full((3,), 2.0), torch.tensor([0.0, 2.0, 0.0])):
        objective.class_weights = weights
        losses.append(float(objective._prototype_loss(embeddings, batch.shares).detach()))
    assert losses[1] == pytest.approx(2 * losses[0], rel=1e-5)
    only = batch.shares * torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    objective.class_weights = None
    alone = float(objective._prototype_loss(embeddings, only).detach())
    assert losses[2] == pytest.approx(2 * alone, rel=1e-5)


def strengthen(module):
    """Three times every weight, so that it is sure of something and no copy of another."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(3.0)


def test_the_teacher_is_asked_about_weak_views_through_its_own_corrector(learner, batches):
    """And neither the student's weights nor its corrector have a say in it."""
    made = learner(METHOD)
    batch, objective = next(batches(made)), made.objective
    strengthen(objective.teacher)
    strengthen(objective.teaching)
    small = batch.unlabelled.weak
    with torch.no_grad():
        levels = objective.teacher.network.encode(small)
        nodes = F.avg_pool2d(objective.teacher.network.decode(levels, small), 2)
        outputs, _ = objective.teaching(nodes, levels, objective.thresholds)
        expected = F.interpolate(outputs[1], scale_factor=2, mode="bilinear")
        assert torch.allclose(objective._taught(batch), expected, atol=1e-5)
        crops = replace(batch.unlabelled, strong=(0 * small,))
        assert torch.allclose(
            objective._taught(replace(batch, unlabelled=crops)), expected, atol=1e-5
        )


def test_only_sure_cells_inside_of_the_pictures_are_counted(learner, batches):
    made = learner("mllc:width=7,confident=0.5")
    batch, objective = next(batches(made)), made.objective
    strengthen(objective.teacher)
    batch.unlabelled.valid[1:] = 0
    objective.train()
    objective._taught(batch)
    likely = objective.teacher(batch.unlabelled.weak[:1]).softmax(1)[0]
    sure = likely.amax(0) >= 0.5
    assert 0 < sure.float().mean() < 1
    inside = sure & (batch.unlabelled.valid[0] > 0)
    expected = torch.bincount(likely.argmax(0)[inside], minlength=3)
    assert objective.new_counts.tolist() == expected.tolist()


def test_prototypes_wait_for_the_warm_up(learner, batches):
    made = learner("mllc:width=7,warm_up=0.5", steps=6)
    objective, batch = made.objective, next(batches(made))
    objective.means.copy_(drawn(3, 7))
    levels = objective.network.encode(batch.pictures)
    logits = objective.network.decode(levels, batch.pictures)
    _, embeddings = objective._corrected(objective.corrector, logits, levels)
    losses = []
    for step in (2, 3):
        objective.steps.fill_(step)
        losses.append(float(objective._prototype_loss(embeddings, batch.shares).detach()))
    assert losses[0] == 0 < losses[1]


def test_the_teachers_corrector_follows_as_its_network_does(learner, batches):
    made = learner("mllc:width=7,keep=0.6")
    expected = None
    for step, batch in enumerate(batches(made), 1):
        made.step(batch)
        weight = made.objective.corrector.semantic[1][0].weight.detach().clone()
        keep = min(1 - 1 / step, 0.6)
        expected = weight if expected is None else keep * expected + (1 - keep) * weight
    assert torch.allclose(made.objective.teaching.semantic[1][0].weight, expected)
