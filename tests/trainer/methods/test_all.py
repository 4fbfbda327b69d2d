"""What every method promises, whichever it is."""

import io
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from export.intake import Intake
from export.trace import trace
from kernels.errors import UserError
from trainer import catalog, checkpoint, data, method, network, portion
from trainer import learner as learning
from trainer.commands.fit import recipe_of
from trainer.objective import Task
from trainer.ranks import Ranks
from trainer.recipe import Recipe

METHODS = catalog.names("methods")
# Narrow, so that it is quick.
OPTIONS = {"mllc": ":width=16"}
every_method = pytest.mark.parametrize("name", METHODS)


def spec(name):
    """What --method says."""
    return f"{name}{OPTIONS.get(name, '')}"


def steps(made, source, count):
    for _ in range(count):
        made.step(next(source))
    return made


def stored(made):
    """What last.ckpt would give back."""
    buffer = io.BytesIO()
    torch.save(made.plain(), buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def flat(state):
    """Every tensor and number of a state, in order."""
    if isinstance(state, dict):
        return [entry for key in state for entry in flat(state[key])]
    if isinstance(state, (list, tuple)):
        return [entry for value in state for entry in flat(value)]
    return [state.clone() if isinstance(state, torch.Tensor) else state]


def same(one, other):
    pairs = list(zip(flat(one), flat(other), strict=True))
    return all(a.equal(b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@every_method
def test_an_ended_run_goes_on_to_the_same_state(name, learner, batches):
    whole = learner(spec(name))
    steps(whole, batches(whole), 4)
    first = learner(spec(name))
    steps(first, batches(first), 2)
    second = learner(spec(name), seed=0)
    second.restore(stored(first))
    assert same(first.plain(), second.plain())
    steps(second, batches(second, first=2), 2)
    for part in ("weights", "method", "optimiser"):
        assert same(whole.plain()[part], second.plain()[part]), part


@every_method
def test_every_weight_learns(name, learner, batches):
    made = learner(spec(name))
    before = {n: w.clone() for n, w in made.objective.named_parameters() if w.requires_grad}
    steps(made, batches(made), 3)
    after = dict(made.objective.named_parameters())
    assert [n for n, weight in before.items() if after[n].equal(weight)] == []
    grouped = {id(w) for group in made.optimiser.param_groups for w in group["params"]}
    assert grouped == {id(after[n]) for n in before}


def finer(pictures):
    """Every pixel as 2x2 of its colour."""
    return pictures.repeat_interleave(2, 1).repeat_interleave(2, 2)


@every_method
def test_a_picture_twice_as_fine_that_shows_no_more_teaches_the_same(name, learner, batches):
    made, sharp = (learner(spec(name), zoom=1.0, sight=sight) for sight in (1, 2))
    batch = next(batches(made))
    seen, crops = replace(batch, pictures=finer(batch.pictures)), batch.unlabelled
    if crops:
        strong = tuple(map(finer, crops.strong))
        seen = replace(seen, unlabelled=replace(crops, weak=finer(crops.weak), strong=strong))
    losses = [
        one.objective(shown, one.objective.mass(shown)).item()
        for one, shown in ((made, batch), (sharp, seen))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    drawn = next(batches(sharp))
    assert drawn.pictures.shape == seen.pictures.shape
    assert drawn.shares.equal(batch.shares)
    if crops:
        assert drawn.unlabelled.weak.shape == seen.unlabelled.weak.shape
        assert drawn.unlabelled.valid.equal(crops.valid)


@every_method
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_losses_are_finite_and_fall(name, precision, learner, batches):
    made = learner(spec(name), precision=precision, steps=16, learning_rate=0.01, warm_up=0.0)
    source = batches(made)
    losses = [made.step(next(source)) for _ in range(16)]
    assert sum(losses[-4:]) < 0.95 * sum(losses[:4])
    assert checkpoint.is_sound(made.network)


@every_method
@pytest.mark.parametrize("options", [{}, {"loss": "jdt"}, {"ohem": 0.5}], ids=["ce", "jdt", "ohem"])
def test_void_alone_and_views_of_nothing_give_no_loss_that_is_no_number(
    name, options, learner, batches
):
    made = learner(spec(name), **options)
    batch = next(batches(made))
    batch.shares.zero_()
    if batch.unlabelled:
        batch.unlabelled.valid.zero_()
    loss = made.objective(batch, made.objective.mass(batch))
    loss.backward()
    assert loss.isfinite()
    gradients = [w.grad for w in made.network.parameters() if w.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


@every_method
def test_on_gpus_batch_statistics_are_those_of_all_processes(name, half):
    """The network's, and those of a method's own layers; to build them takes no GPU."""
    recipe = Recipe(method=spec(name), factor=Fraction(1, 2))
    built = network.build("compact", len(half.classes))
    made = method.build(Task(network=built, recipe=recipe, classes=half.classes))
    together = learning._of_whole_batches(made, torch.device("cuda"), Ranks(count=2))
    assert together.network is built
    norms = [m for m in together.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)
    fresh = network.build("compact", len(half.classes)).state_dict()
    assert list(built.state_dict()) == list(fresh)


@every_method
def test_running_statistics_are_those_of_plain_pictures(name, learner, batches):
    """A strong view looks like nothing that will be predicted."""
    batch, seen = next(batches(learner(spec(name)))), []
    for lit in (False, True):
        made = learner(spec(name))
        norm = torch.nn.BatchNorm2d(3)
        made.network.body.fine = torch.nn.Sequential(norm, made.network.body.fine)
        if lit and batch.unlabelled:
            for view in batch.unlabelled.strong:
                view.fill_(255)
        made.objective.train()
        made.objective(batch, made.objective.mass(batch))
        seen.append((norm.running_mean, norm.running_var))
    assert not seen[0][0].equal(torch.zeros(3))
    assert seen[0][0].equal(seen[1][0])
    assert seen[0][1].equal(seen[1][1])


@every_method
def test_the_network_begins_as_without_the_method(name, learner):
    plain = learner("soft").network.state_dict()
    assert all(v.equal(plain[n]) for n, v in learner(spec(name)).network.state_dict().items())


@every_method
def test_what_is_published_is_the_network_alone(name, learner, batches, tmp_path):
    """So the exported file of any method has the operators that one of `soft` has."""
    made, soft = learner(spec(name)), learner("soft")
    steps(made, batches(made), 1)
    checkpoint.save(made.state(), tmp_path / "model.ckpt")
    published = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert list(published["weights"]) == list(soft.network.state_dict())
    network = checkpoint.load(tmp_path / "model.ckpt").network
    assert list(map(type, network.modules())) == list(map(type, soft.network.modules()))


def test_the_graph_of_a_trained_network_is_that_of_a_fresh_one(learner, batches):
    made = learner("unimatch")
    steps(made, batches(made), 1)
    fresh = learner("soft")
    states = [one.state() for one in (made, fresh)]
    bodies = [trace(state.network, state.contract, Intake()) for state in states]
    operators = [[node.op_type for node in body.model.graph.node] for body in bodies]
    assert operators[0] == operators[1]


@every_method
def test_the_first_line_names_the_method(name):
    assert catalog.find("methods", name).__doc__.startswith(f"`{name}`: ")


def test_options_are_read_from_what_follows_the_colon(learner):
    options = learner("unimatch:confidence=0.9, keep=0.99").objective.options
    assert (options.confidence, options.keep, options.mixed) == (0.9, 0.99, 0.5)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ("unimach", "did you mean 'unimatch'"),
        ("unimatch:confidense=0.9", "did you mean 'confidence'"),
        ("unimatch:confidence=high", "confidence is 'high', not a number"),
        ("soft:confidence=1", "unknown option of the method 'confidence'"),
        ("unimatch:confidence=2", "confidence is 2, and not from 0 to 1"),
        ("unimatch:keep=nan", "keep is nan, and not from 0 to 1"),
        ("mllc:neighbours=0", "neighbours is 0, and not 1 or more"),
        ("mllc:neighbours=1.5", "neighbours is '1.5', not a whole number"),
    ],
)
def test_a_method_that_cannot_be_is_refused(learner, wish, says):
    with pytest.raises(UserError, match=says):
        learner(wish)


def test_a_method_and_the_pictures_must_go_together(learner, shared_folder, tmp_path):
    labelled = data.load(f"folder:{shared_folder}")
    with pytest.raises(UserError, match="learns from unlabelled pictures, and there are none"):
        method.refuse_at_odds(learner("unimatch").objective, labelled)
    more = portion.divided(labelled, Recipe(unlabelled=str(shared_folder / "images")))
    supervised = learner("soft", unlabelled=str(shared_folder / "images")).objective
    with pytest.raises(UserError, match="takes no unlabelled pictures"):
        method.refuse_at_odds(supervised, more)
    method.refuse_at_odds(learner("unimatch").objective, more)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "soft"),
        ({"labelled": "1"}, "soft"),
        ({"labelled": "1/8"}, "unimatch"),
        ({"unlabelled": "more"}, "unimatch"),
        ({"labelled": "1/8", "method": "soft"}, "soft"),
    ],
)
def test_the_method_follows_from_the_pictures_where_none_is_named(fields, expected):
    assert recipe_of(fields, 10, None).method == expected
