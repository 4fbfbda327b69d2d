"""PseudoSeg fuses two sources as its formulas say, and only what may learn from each part does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kernels.errors import UserError
from trainer.attention import attended
from trainer.methods import pseudoseg
from trainer.methods.pseudoseg import fused
from trainer.objective import Task


def drawn(*shape, seed=0, scale=1.0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def test_both_sources_are_brought_to_one_scale_and_sharpened(softmax):
    decoded, mapped = drawn(2, 3, 4, 5, scale=8.0), drawn(2, 3, 4, 5, seed=1, scale=0.5)
    found = fused(decoded, mapped, 0.5).numpy()
    for item in range(2):
        d, a = decoded[item].double().numpy(), mapped[item].double().numpy()
        scale = np.sqrt((np.square(d).sum() + np.square(a).sum()) / (d.size + a.size))
        mean = 0.5 * softmax(d / scale, 0) + 0.5 * softmax(a / scale, 0)
        assert found[item] == pytest.approx(mean**2 / (mean**2).sum(0), abs=1e-6)
    assert fused(0 * decoded, 0 * mapped, 0.5).numpy() == pytest.approx(1 / 3)


def test_attention_is_the_softmax_of_all_pairs():
    queries, keys, values = drawn(2, 4, 9), drawn(2, 4, 9, seed=1), drawn(2, 3, 9, seed=2)
    heed = (0.5 * queries.transpose(1, 2) @ keys).softmax(2)
    expected = values @ heed.transpose(1, 2)
    assert torch.allclose(attended(queries, keys, values, 0.5), expected, atol=1e-6)


def slow_maps(branch, levels, present, background):
    """What the branch's last convolution is given for one crop, place by place."""
    weights = branch.classifier.weight.detach().double().numpy()
    features = levels[1].double().numpy()
    maps = np.maximum(np.einsum("ck,khw->chw", weights, features), 0)
    for c in range(len(maps)):
        maps[c] *= present[c] / max(maps[c].max(), 1e-6)
    pooled = F.avg_pool2d(levels[0][None], 2)[0].double().numpy()

    def unit(vectors):
        return vectors / np.linalg.norm(vectors, axis=0)

    column = unit(np.concatenate([unit(pooled), unit(features)])).reshape(14, -1)
    asked, told = (
        layer.weight.detach().double().numpy()[:, :, 0, 0] @ column
        for layer in (branch.query, branch.key)
    )
    flat = maps.reshape(len(maps), -1)
    found = np.zeros(flat.shape)
    for i in range(flat.shape[1]):
        heed = np.exp(asked[:, i] @ told / np.sqrt(128))
        found[:, i] = flat @ (heed / heed.sum()) + flat[:, i]
    if background is not None:
        others = [c for c in range(len(found)) if c != background]
        found[background] = 2 - found[others].max(0)
    return found.reshape(maps.shape)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "background", "c")])
def test_the_branch_maps_classes_as_its_formula_says(learner, names):
    made = learner("pseudoseg")
    task = Task(network=made.network, recipe=made.recipe, classes=names)
    branch = pseudoseg.PseudoSeg(task, pseudoseg.Options()).branch
    given = []
    branch.logits.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    levels = [drawn(2, 6, 8, 12).relu(), drawn(2, 8, 4, 6, seed=3).relu()]
    present = torch.tensor([[1.0, 0.0, 1.0], [0.2, 0.9, 0.6]])
    branch(levels, present)
    background = names.index("background") if "background" in names else None
    for item in range(2):
        one = [level[item] for level in levels]
        expected = slow_maps(branch, one, present[item].numpy(), background)
        assert given[0][item].detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_the_loss_has_the_four_parts_of_the_formula(learner, batches, cross_entropy):
    made = learner("pseudoseg")
    batch = next(batches(made))
    objective, crops, network = made.objective, batch.unlabelled, made.network
    mass = objective.mass(batch)
    with torch.no_grad():
        levels = network.encode(batch.pictures)
        present = (batch.shares.sum((2, 3)) > 0).float()
        maps = F.interpolate(objective.branch(levels, present), size=(32, 48), mode="bilinear")
        scores = objective.branch.scores(levels).sigmoid().double().numpy()
        hidden = pseudoseg._hidden(crops).numpy()
        strong = crops.strong[0].clone()
        strong[torch.from_numpy(hidden)] = torch.tensor((124, 116, 104), dtype=torch.uint8)
        valid = crops.valid.numpy() * ~hidden
        wanted = objective.targets(batch).numpy() * valid[:, None]
        shares, truth = batch.shares.numpy(), present.numpy()
        expected = [
            cross_entropy(network(batch.pictures).numpy(), shares, shares.sum()),
            cross_entropy(maps.numpy(), shares, shares.sum()),
            -(truth * np.log(scores) + (1 - truth) * np.log(1 - scores)).mean(),
            cross_entropy(network(strong).numpy(), wanted, valid.sum()),
        ]
        assert float(objective(batch, mass)) == pytest.approx(sum(expected), rel=1e-4)
    assert mass.tolist() == pytest.approx([shares.sum(), valid.sum(), 4])
    assert 0 < hidden.mean() < 0.5


def test_targets_come_of_the_weak_views_and_of_both_sources(learner, batches):
    made = learner("pseudoseg:temperature=0.7")
    batch, network, branch = next(batches(made)), made.network, made.objective.branch
    with torch.no_grad():
        for weight in (*network.parameters(), *branch.parameters()):
            weight.mul_(3.0)
        weak = batch.unlabelled.weak
        levels = network.encode(weak)
        # The classifier's own weights and bias, not `scores`.
        present = (branch.classifier(levels[1].mean((2, 3))) >= 0).float()
        maps = F.interpolate(branch(levels, present), scale_factor=2, mode="bilinear")
        expected = fused(network(weak), maps, 0.7)
        assert torch.allclose(made.objective.targets(batch), expected, atol=1e-5)
        assert 0.05 < float(present.mean()) < 0.95
        assert not torch.allclose(fused(network(weak), network(weak), 0.7), expected, atol=1e-2)


def test_labelled_parts_weigh_classes_and_the_others_do_not(learner, batches):
    """Of classes twice as heavy the labelled mass is twice as large, and each part what it was."""
    made = learner("pseudoseg")
    batch, objective = next(batches(made)), made.objective
    losses = []
    for weights in (None, torch.full((3,), 2.0)):
        objective.class_weights = weights
        losses.append(float(objective(batch, objective.mass(batch)).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def gradients(objective, value):
    """Which parameters a part of the loss reaches."""
    objective.zero_grad()
    value.backward()
    reached = {n for n, w in objective.named_parameters() if w.grad is not None and w.grad.any()}
    return {name.rpartition(".")[0] for name in reached}


def test_each_part_teaches_only_what_it_may(learner, batches):
    made = learner("pseudoseg")
    objective = made.objective
    batch = next(batches(made))
    levels = made.network.encode(batch.pictures)
    scores = objective.branch.scores(levels)
    encoder = {"network.body.fine", "network.body.coarse"}
    assert gradients(objective, scores.sum()) == {*encoder, "branch.classifier"}
    maps = objective._maps(made.network.encode(batch.pictures), torch.ones(4, 3), (32, 48))
    branch = {"branch.query", "branch.key", "branch.logits.0", "branch.logits.1"}
    assert gradients(objective, (maps * drawn(*maps.shape)).sum()) == branch
    strong = objective._strong(batch, objective.mass(batch)[1])
    assert gradients(objective, strong) == {*encoder, "network.body.head"}
    assert not objective.targets(batch).requires_grad


def test_a_hidden_box_counts_for_nothing(learner, batches):
    made = learner("pseudoseg")
    batch = next(batches(made))
    crops = batch.unlabelled
    hidden = pseudoseg._hidden(crops)
    changed = crops.strong[0].clone()
    changed[hidden] = 255 - changed[hidden]
    other = replace(batch, unlabelled=replace(crops, strong=(changed,)))
    mass = made.objective.mass(batch)
    losses = [made.objective._strong(one, mass[1]).detach() for one in (batch, other)]
    assert losses[0].equal(losses[1])
    assert not made.objective._valid(crops)[hidden].any()


def test_full_size_labels_are_refused(learner):
    with pytest.raises(UserError, match="works on shares"):
        learner("pseudoseg", labels="full")
