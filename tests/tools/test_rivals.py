"""The usual server answers what ours would, but for near-ties."""

import importlib.util
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

import kernels
from kernels.contract import Contract
from trainer import network
from trainer.checkpoint import Checkpoint
from trainer.recipe import Recipe

RIVALS = Path(__file__).resolve().parents[2] / "tools" / "rivals"
PALETTE = ((0, 0, 0), (10, 20, 30), (200, 100, 50), (1, 2, 3))


@pytest.fixture(scope="module")
def rival():
    spec = importlib.util.spec_from_file_location("torch_way", RIVALS / "torch_way.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    contract = Contract(
        classes=tuple("abcd"), palette=PALETTE, factor=Fraction(1, 4), ignore=255, writer="test"
    )
    return Checkpoint(
        network=network.build("compact", 4).eval(), contract=contract, recipe=Recipe(), steps_done=0
    )


def test_the_usual_server_answers_the_mask_of_the_same_network(rival, checkpoint):
    coarse = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    photo = Image.fromarray(coarse).resize((200, 136), Image.Resampling.BICUBIC)
    target = io.BytesIO()
    photo.save(target, "JPEG", quality=95)
    client = TestClient(rival.create_app(checkpoint))
    assert client.get("/healthz").status_code == 200
    answer = client.post(
        "/segment", content=target.getvalue(), headers={"Content-Type": "image/jpeg"}
    )
    assert answer.status_code == 200
    stages = [each.split(";")[0].strip() for each in answer.headers["Server-Timing"].split(",")]
    assert stages == ["decode", "shrink", "network", "paint", "encode"]
    image = Image.open(io.BytesIO(answer.content))
    assert image.getpalette()[:12] == [value for colour in PALETTE for value in colour]
    small = kernels.shrink(np.asarray(Image.open(target)), "1/4")
    with torch.inference_mode():
        logits = checkpoint.network(torch.from_numpy(small)[None])[0].numpy()
    ours = kernels.paint(logits, (136, 200))
    assert (np.asarray(image) != ours).mean() < 0.02
    assert len(np.unique(ours)) > 1
