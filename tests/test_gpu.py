"""What only a GPU can show: training there, and the same masks as on the CPU."""

import numpy as np
import pytest
import torch

from trainer import checkpoint, data, loader
from trainer.evaluate import predict
from trainer.fit import Learner

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="wants an NVIDIA GPU with CUDA"),
]


def test_a_model_trained_on_the_gpu_paints_the_same_masks_on_the_cpu(fit_tiny, shared_folder):
    outcome, path = fit_tiny(steps=30, device="cuda")
    assert next(outcome.checkpoint.network.parameters()).is_cuda
    loaded = checkpoint.load(path)
    for pair in data.load(f"folder:{shared_folder}").split("test"):
        picture = pair.read().picture
        on_gpu = predict(outcome.checkpoint.network.eval(), loaded.contract, picture)
        assert (on_gpu != predict(loaded.network, loaded.contract, picture)).mean() < 1e-3


def test_the_first_loss_is_the_same_on_both(fit_tiny):
    recipe = fit_tiny()[0].checkpoint.recipe
    dataset = data.load(recipe.data)
    (batch, *_) = loader.batches(dataset, recipe, (32, 32))
    losses = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        losses.append(Learner(recipe, dataset, torch.device(device)).step(batch))
    assert np.isclose(*losses, rtol=1e-3)
