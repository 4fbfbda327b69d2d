"""One step does what the recipe says, and says what goes wrong."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from kernels.errors import UserError
from trainer import checkpoint, data, loader
from trainer import fit as fitting
from trainer.full_size import full_size_jaccard_distance
from trainer.learner import Learner
from trainer.loss import jaccard_distance, weighed
from trainer.network import Network
from trainer.recipe import Recipe
from trainer.score import Score


@pytest.fixture(scope="module")
def dataset(shared_folder):
    return data.load(f"folder:{shared_folder}")


def learner(dataset, **options):
    chosen = {"factor": Fraction(1, 2), "batch": 4, "steps": 4, **options}
    torch.manual_seed(0)
    return Learner(Recipe(**chosen), dataset, torch.device("cpu"))


def learned(made):
    """Its weights after every step of its recipe."""
    for batch in loader.batches(made.dataset, made.recipe, (32, 32)):
        made.step(batch)
    return torch.cat([weight.detach().flatten() for weight in made.network.parameters()])


@pytest.mark.parametrize("loss", ["ce", "kl"])
@pytest.mark.parametrize("labels", ["area", "full"])
@pytest.mark.usefixtures("plain_network")
def test_a_batch_in_parts_teaches_what_the_whole_teaches(dataset, labels, loss):
    options = {"optimiser": "sgd", "learning_rate": 0.1, "labels": labels, "loss": loss}
    whole = learned(learner(dataset, **options))
    parts = learned(learner(dataset, accumulate=3, **options))
    assert torch.allclose(whole, parts, atol=1e-6)
    assert not torch.allclose(whole, learned(learner(dataset, **options, seed=1)), atol=1e-3)


@pytest.mark.parametrize("labels", ["area", "full"])
@pytest.mark.usefixtures("plain_network")
def test_a_part_counts_by_its_labelled_mass_where_the_loss_is_no_sum(dataset, labels):
    weights = torch.tensor([0.5, 1.0, 3.0])
    recipe = Recipe(factor=Fraction(1, 2), batch=4, loss="jdt", labels=labels)
    made = Learner(recipe, dataset, torch.device("cpu"), class_weights=weights)
    batch = next(loader.batches(dataset, recipe, (32, 32)))
    mass = made.objective.mass(batch)
    apart, masses = [], []
    for part in batch.cut(2):
        (logits,) = made.network.heads(part.pictures)
        if labels == "full":
            distance = full_size_jaccard_distance(logits, part.labels, weights=weights)
        else:
            distance = jaccard_distance(logits, weighed(part.shares, weights))
        masses.append(made.objective.mass(part))
        apart.append(distance * masses[-1] / mass)
        assert made.objective(part, mass).item() == pytest.approx(apart[-1].item(), rel=1e-5)
    assert sum(masses).item() == pytest.approx(mass.item(), rel=1e-5)
    assert abs(masses[0] - masses[1]) > 0.01 * mass


@pytest.mark.usefixtures("plain_network")
def test_kl_teaches_what_cross_entropy_teaches(dataset):
    options = {"optimiser": "sgd", "learning_rate": 0.1}
    entropy, divergence = (learned(learner(dataset, loss=name, **options)) for name in ("ce", "kl"))
    assert torch.allclose(entropy, divergence, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "full"},
        {"loss": "jdt"},
        {"loss": "jdt", "labels": "full"},
        {"ohem": 0.25},
        {"precision": "bf16"},
        {"optimiser": "sgd", "learning_rate": 0.05},
        {"ema": 0.9},
        {"clip": 0.5},
    ],
)
def test_every_choice_learns(dataset, options):
    made = learner(dataset, steps=12, learning_rate=options.pop("learning_rate", 3e-3), **options)
    losses = [made.step(batch) for batch in loader.batches(dataset, made.recipe, (32, 32))]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_the_average_follows_the_weights_and_is_what_is_published(dataset):
    made = learner(dataset, ema=0.75)
    seen = []
    for batch in loader.batches(dataset, made.recipe, (32, 32)):
        made.step(batch)
        seen.append(made.network.body.head.bias.detach().clone())
    expected = seen[0]
    for step, weight in enumerate(seen[1:], 2):
        keep = min(1 - 1 / step, 0.75)
        expected = keep * expected + (1 - keep) * weight
    published = made.state().network
    assert torch.allclose(published.body.head.bias, expected)
    counter = "body.deepest.1.num_batches_tracked"
    assert int(published.state_dict()[counter]) == 4
    spread = "body.deepest.1.running_var"
    assert not published.state_dict()[spread].equal(made.network.state_dict()[spread])


@pytest.mark.usefixtures("plain_network")
def test_a_clipped_gradient_moves_no_further_than_it_may(dataset):
    options = {"optimiser": "sgd", "momentum": 0.0, "learning_rate": 1.0, "weight_decay": 0.0}
    made = learner(dataset, clip=0.01, schedule="poly", warm_up=0.0, **options)
    before = torch.cat([weight.detach().clone().flatten() for weight in made.network.parameters()])
    made.step(next(loader.batches(dataset, made.recipe, (32, 32))))
    after = torch.cat([weight.detach().flatten() for weight in made.network.parameters()])
    assert float((after - before).norm()) == pytest.approx(0.01, rel=1e-3)


def test_fp16_on_the_cpu_is_refused(dataset, tmp_path):
    with pytest.raises(UserError, match="fp16 needs a CUDA device") as caught:
        fitting.fit(
            Recipe(precision="fp16"),
            dataset,
            out=tmp_path / "model.ckpt",
            runs=tmp_path / "runs",
            device="cpu",
        )
    assert "bf16" in caught.value.hint
    assert not (tmp_path / "runs").exists()


def too_much():
    torch.empty(2**60)


def too_much_for_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")


@pytest.mark.parametrize("allocate", [too_much, too_much_for_a_gpu])
def test_out_of_memory_says_what_to_lower(dataset, monkeypatch, allocate):
    made = learner(dataset)
    monkeypatch.setattr(made.network, "heads", lambda small: allocate())
    with pytest.raises(UserError, match="out of memory at step 1") as caught:
        made.step(next(loader.batches(dataset, made.recipe, (32, 32))))
    assert "lower --batch below 4" in caught.value.hint
    assert "--accumulate 2" in caught.value.hint


def test_other_errors_are_no_lack_of_memory(dataset, monkeypatch):
    made = learner(dataset)
    monkeypatch.setattr(made.network, "heads", lambda small: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="size"):
        made.step(next(loader.batches(dataset, made.recipe, (32, 32))))


def test_pre_trained_weights_are_filled_in_before_the_first_step(dataset, tmp_path, capsys):
    made = learner(dataset, weights=str(tmp_path / "body.pth"))
    public = {name: 0.5 * value for name, value in made.network.body.state_dict().items()}
    torch.save(public, tmp_path / "body.pth")
    made.begin()
    for name, value in made.network.body.state_dict().items():
        assert torch.equal(value, public[name])
    assert "body.pth" in capsys.readouterr().err


def test_a_run_that_no_longer_improves_ends_early_with_its_best(shared_folder, tmp_path):
    recipe = Recipe(
        data=f"folder:{shared_folder}",
        factor=Fraction(1, 2),
        steps=100,
        batch=2,
        # So low a rate that nothing changes but the batch statistics.
        learning_rate=1e-12,
        validate_every=1,
        early_stop=2,
    )
    outcome = fitting.fit(
        recipe,
        data.load(recipe.data),
        out=tmp_path / "model.ckpt",
        runs=tmp_path / "runs",
        device="cpu",
    )
    looks = {r["step"]: r["miou"] for r in outcome.run.records if "miou" in r and "split" not in r}
    best = max(looks, key=lambda step: looks[step])
    assert max(looks) == best + 2 < 100
    assert outcome.checkpoint.steps_done == best
    assert not outcome.interrupted
    for name, weight in checkpoint.load(tmp_path / "model.ckpt").network.state_dict().items():
        assert weight.equal(checkpoint.load(outcome.run.best).network.state_dict()[name])


def test_the_best_is_published_though_the_run_came_to_its_last_step(
    shared_folder, tmp_path, monkeypatch
):
    scores = iter([0.1, 0.5, 0.4])

    def scored(learner, split, *, most=None, model=None):
        # The score of the published model comes after the looks.
        value = next(scores, 0.5)
        confusion = np.diag([round(100 * value)] * 3)
        confusion[0, 1] = 300 - round(300 * value)
        return Score(classes=learner.contract.classes, confusion=confusion)

    monkeypatch.setattr(fitting.scoring, "score", scored)
    recipe = Recipe(
        data=f"folder:{shared_folder}",
        factor=Fraction(1, 2),
        steps=3,
        batch=2,
        validate_every=1,
        early_stop=2,
    )
    outcome = fitting.fit(
        recipe,
        data.load(recipe.data),
        out=tmp_path / "model.ckpt",
        runs=tmp_path / "runs",
        device="cpu",
    )
    assert outcome.checkpoint.steps_done == 2
    assert checkpoint.load(tmp_path / "model.ckpt").steps_done == 2


def test_a_head_counts_by_its_weight(dataset, monkeypatch):
    made = learner(dataset)
    batch = next(loader.batches(dataset, made.recipe, (32, 32)))
    mass = made.objective.mass(batch)
    made.objective.eval()
    one = made.objective(batch, mass).detach().item()
    monkeypatch.setattr(made.network, "heads", lambda small: [made.network(small)] * 2)
    monkeypatch.setattr(Network, "head_weights", (1.0, 0.4))
    assert made.objective(batch, mass).detach().item() == pytest.approx(1.4 * one)


def test_balanced_classes_weigh_as_told(dataset):
    made = learner(dataset)
    batch = next(loader.batches(dataset, made.recipe, (32, 32)))
    weights = torch.tensor([2.0, 0.0, 1.0])
    made.objective.class_weights = weights
    assert float(made.objective.mass(batch)) == pytest.approx(
        float(2 * batch.shares[:, 0].sum() + batch.shares[:, 2].sum())
    )
    changed = replace(batch, shares=batch.shares.clone())
    changed.shares[:, 1] = 0
    assert made.objective.mass(batch).equal(made.objective.mass(changed))


@pytest.mark.usefixtures("plain_network")
def test_a_rate_for_a_head_that_nobody_can_tell_apart_is_refused(dataset):
    with pytest.raises(UserError, match="--head-rate 10: model compact does not tell its head"):
        learner(dataset, head_rate=10)


def test_the_head_of_the_default_model_can_learn_faster(dataset):
    made = learner(dataset, head_rate=10)
    assert {group["scale"] for group in made.optimiser.param_groups} == {1, 10}
