"""The whole road: fit, export, serve, and the same mask and the same contract at every stop."""

import asyncio
import json
from fractions import Fraction
from io import BytesIO

import httpx
import numpy as np
import onnx
import pytest
from PIL import Image

import kernels
from export import verify
from export.build import build
from kernels.contract import Contract
from kernels.picture import Reduced
from serve.app import create_app
from serve.segment import Segmenter
from serve.settings import Settings
from trainer import checkpoint, data
from trainer.evaluate import predict

FACTORS = ["1", "1/2", "1/3", "2/5", "1/4", "1/8"]
# Factors at which the default model sees the picture twice as fine as it answers.
SEEN_FINER = ["2/5", "1/4"]
SIZES = [(333, 517), (1, 1), (40, 7)]
# A network of two steps knows little: some of its 172 161 pixels are ties to the last digit.
MOST_TIES = 5


def picture(size):
    return verify.structured(np.random.default_rng(5), size)


@pytest.fixture(
    scope="module",
    params=[*((f, "compact", 1) for f in FACTORS), *((f, "lite0-strided", 2) for f in SEEN_FINER)],
    ids=lambda param: f"{param[1]}-{param[0]}",
)
def stops(request, fit_tiny):
    """Checkpoint and artefact of a two-step run at one factor."""
    factor, model, sight = request.param
    _, path = fit_tiny(factor=factor, model=model, sight=sight, weights="none")
    build("onnx", path, path.with_suffix(".onnx"))
    return factor, path, path.with_suffix(".onnx")


def test_at_every_factor_the_served_mask_is_predicts_and_has_the_pictures_size(stops):
    factor, model, artefact = stops
    loaded, segmenter = checkpoint.load(model), Segmenter(artefact)
    assert loaded.contract.factor == Fraction(factor)
    for size in SIZES:
        photo = picture(size)
        served = segmenter.mask(photo)
        assert served.shape == size
        changed, beyond = verify.changed_pixels(loaded, photo, served)
        assert beyond == 0
        assert changed <= MOST_TIES
        assert segmenter.contract.factor == Fraction(factor)


def test_the_contract_is_byte_equal_through_every_carriage(stops):
    _, model, artefact = stops
    written = checkpoint.load(model).contract.to_json()
    (in_artefact,) = (
        entry.value
        for entry in onnx.load(artefact).metadata_props
        if entry.key == "softres.contract"
    )
    served = Segmenter(artefact).runtime.contract
    assert written == in_artefact == served
    assert Contract.from_json(served).to_json() == written


def test_over_http_the_mask_and_the_contract_are_the_same(model, artefact, shared_folder):
    photo = shared_folder / "images" / "test" / "1.png"

    async def ask():
        app = create_app(Settings(models=(artefact,)))
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            mask = await client.post("/segment", content=photo.read_bytes())
            return mask, await client.get("/contract")

    mask, contract = asyncio.run(ask())
    loaded = checkpoint.load(model)
    assert contract.text == loaded.contract.to_json()
    assert json.loads(contract.text)["factor"] == "1/2"
    with Image.open(BytesIO(mask.content)) as image:
        assert image.mode == "P"
        served = np.array(image)
    with Image.open(photo) as opened:
        assert verify.changed_pixels(loaded, np.array(opened), served) == (0, 0)
        assert np.array_equal(predict(loaded.network, loaded.contract, np.array(opened)), served)


@pytest.mark.parametrize("reduce", [True, False])
def test_a_jpeg_has_the_mask_that_the_trainer_predicts_of_the_same_file(
    model, artefact, tmp_path, reduce
):
    photo = tmp_path / "photo.jpg"
    Image.fromarray(picture((160, 240))).save(photo, quality=90)
    loaded, segmenter = checkpoint.load(model), Segmenter(artefact, whole_decode=not reduce)
    read = data.read_for(loaded.contract, photo, reduce=reduce)
    assert isinstance(read, Reduced) == reduce
    with Image.open(BytesIO(segmenter.answer(photo.read_bytes()).body)) as served:
        np.testing.assert_array_equal(predict(loaded.network, loaded.contract, read), served)
        assert verify.changed_pixels(loaded, read, np.array(served)) == (0, 0)


def test_pictures_that_share_a_call_or_fit_a_tile_have_the_mask_that_the_trainer_predicts(
    model, artefact, shared_folder
):
    loaded, segmenter = checkpoint.load(model), Segmenter(artefact, tile=64)
    assert segmenter.batches()
    pictures = [pair.read().picture for pair in data.load(f"folder:{shared_folder}").split("test")]
    smalls = [kernels.shrink(picture, "1/2") for picture in pictures]
    assert all(map(segmenter.shares_calls, smalls))
    for picture, logits in zip(pictures, segmenter.run(smalls), strict=True):
        together = kernels.paint(logits, picture.shape[:2])
        np.testing.assert_array_equal(together, segmenter.mask(picture))
        np.testing.assert_array_equal(together, predict(loaded.network, loaded.contract, picture))
