"""Several models behind one address, by name."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from kernels.errors import UserError
from serve.app import create_app
from serve.models import Models
from serve.segment import Segmenter
from serve.settings import Settings
from serve.workers import Workers


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, toy: SimpleNamespace) -> Path:
    """An artefact of another contract."""
    return toy.saved(tmp_path_factory.mktemp("three") / "three.onnx", classes=3)


@pytest.fixture(scope="module")
def both(model: Path, three: Path, toy: SimpleNamespace) -> Iterator[httpx.Client]:
    with toy.running(Settings(models=(model, f"few={three}"))) as client:
        yield client


def mask(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_all_are_listed_the_first_one_first(both: httpx.Client) -> None:
    listed = both.get("/models").json()["models"]
    assert [(each["name"], each["file"], each["classes"]) for each in listed] == [
        ("model", "model.onnx", 5),
        ("few", "three.onnx", 3),
    ]


def test_each_answers_by_its_name_and_the_first_one_without(
    both: httpx.Client, model: Path, three: Path, toy: SimpleNamespace
) -> None:
    picture = toy.photo(70, 90)
    data = toy.written(picture)
    for path, file in (("", model), ("/models/model", model), ("/models/few", three)):
        answer = both.post(f"{path}/segment", content=data)
        np.testing.assert_array_equal(mask(answer), Segmenter(file).mask(picture))


def test_each_has_its_own_contract(both: httpx.Client, toy: SimpleNamespace) -> None:
    assert both.get("/models/few/contract").text == toy.contract(classes=3).to_json()
    assert both.get("/models/model/contract").text == both.get("/contract").text


@pytest.mark.parametrize(("method", "what"), [("POST", "segment"), ("GET", "contract")])
def test_an_unknown_name_is_not_found_and_the_nearest_is_offered(
    both: httpx.Client, method: str, what: str
) -> None:
    answer = both.request(method, f"/models/modle/{what}", content=b"x")
    problem = answer.json()
    assert answer.status_code == problem["status"] == 404
    assert problem["detail"] == "unknown model 'modle'; choose from few, model"
    assert "did you mean 'model'?" in problem["hint"]


def test_a_missing_second_model_is_an_error_at_the_start(
    model: Path, tmp_path: Path, toy: SimpleNamespace
) -> None:
    app = create_app(Settings(models=(model, tmp_path / "none.onnx")))

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(UserError, match=r"none\.onnx' is not a file"):
        asyncio.run(start())


def test_a_model_that_is_replaced_is_closed_when_its_last_user_is_done(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Segmenter] = []
    monkeypatch.setattr(Segmenter, "close", lambda segmenter: closed.append(segmenter))

    async def replaced() -> None:
        workers = Workers(1)
        models = Models(Settings(models=(model,)), workers)
        assert not models.ready
        await models.open()
        old = models.first
        with old.used() as segmenter, old.used():
            assert await models.reload() == []
            assert models.ready
            assert models.first is not old
            assert closed == []
        assert closed == [segmenter]
        workers.close()

    asyncio.run(replaced())


def test_a_model_that_is_replaced_while_a_picture_is_sent_answers_it(
    model: Path, toy: SimpleNamespace, segmenter: Segmenter
) -> None:
    picture = toy.photo(40, 60)
    data = toy.written(picture)
    app = create_app(Settings(models=(model,)))

    async def ask() -> httpx.Response:
        async def slowly() -> AsyncIterator[bytes]:
            yield data[:100]
            assert await app.state.models.reload() == []
            yield data[100:]

        async with app.router.lifespan_context(app):
            wire = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=wire, base_url="http://here") as client:
                return await client.post("/segment", content=slowly())

    np.testing.assert_array_equal(mask(asyncio.run(ask())), segmenter.mask(picture))


def test_pictures_that_share_calls_have_the_masks_of_each_alone(
    model: Path, toy: SimpleNamespace, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    run = Segmenter.run

    def counted(self: Segmenter, feeds: list) -> list:
        calls.append(len(feeds))
        return run(self, feeds)

    monkeypatch.setattr(Segmenter, "run", counted)
    # 60 x 80 small pixels all, from four native sizes.
    pictures = [toy.photo(*size) for size in ((120, 160), (119, 160), (120, 159), (119, 159)) * 3]
    settings = Settings(models=(model,), workers=8, max_batch=4, batch_delay=200.0)
    with toy.running(settings) as client, ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda one: client.post("/segment", content=toy.written(one)), pictures)
        )
    assert max(calls) > 1
    assert max(calls) <= 4
    for answer, picture in zip(answers, pictures, strict=True):
        np.testing.assert_array_equal(mask(answer), segmenter.mask(picture))
