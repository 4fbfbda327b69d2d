"""The service: models behind POST /segment, what they promise, and how the server is doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from kernels import picture
from serve import door, errors, health, intake, kserve, many, negotiate, openapi, operations, page
from serve.admission import Gate
from serve.keys import Keys
from serve.metrics import Metrics
from serve.models import Model, Models
from serve.negotiate import Ask
from serve.schedule import Schedule
from serve.segment import Answer, File
from serve.settings import Settings, named
from serve.upload import Upload
from serve.workers import Workers

TITLE = "softres"
DESCRIPTION = "Full-size segmentation masks from a network that sees small pictures."
# Of this interface, not of the package.
VERSION = "1"

router = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """The service; it opens the artefacts when it starts up, not before."""
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=VERSION,
        lifespan=_lifespan,
        # FastAPI's own pages load scripts from elsewhere; serve.operations has one that does not.
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.keys = Keys(settings.api_key_file) if settings.api_key_file else None
    app.state.workers = Workers(settings.pictures_at_once)
    picture.keep_memory(settings.pictures_at_once)
    app.state.gate = Gate(
        workers=app.state.workers.count, queue=settings.queue, queue_time=settings.queue_time
    )
    app.state.models = Models(settings, app.state.workers, metrics=app.state.metrics)
    app.state.schedule = Schedule(app.state.gate, app.state.workers, deadline=settings.deadline)
    app.include_router(health.router)
    app.include_router(router)
    app.include_router(page.router)
    app.include_router(kserve.router)
    app.include_router(operations.router)
    openapi.complete(app.openapi(), named(settings.models), keys=settings.api_key_file is not None)
    errors.install(app)
    app.state.metrics.watch_queue(lambda: app.state.gate.waiting)
    app.state.metrics.watch_models(lambda: map(health.told, app.state.models.all()))
    door.install(app, metrics=app.state.metrics, keys=app.state.keys, origins=settings.cors_origin)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    models: Models = app.state.models
    try:
        await models.open()
        yield
    finally:
        models.close()
        app.state.workers.close()


SEGMENT: dict[str, Any] = {
    "description": openapi.description(),
    "responses": openapi.answers(),
    "openapi_extra": openapi.operation(),
    "response_class": Response,
}


@router.post("/segment", summary="Segment a picture with the first model", **SEGMENT)
async def segment(request: Request) -> Response:
    """Answer every picture of the body in the format that is asked for."""
    return await _segmented(request, _models(request).first)


@router.post("/models/{name}/segment", summary="Segment a picture", **SEGMENT)
async def segment_with(request: Request, name: str) -> Response:
    """The same by the model of that name."""
    return await _segmented(request, _models(request).find(name))


@router.get("/models", summary="What is served")
async def models(request: Request) -> dict[str, Any]:
    """All models, the one that answers /segment first."""
    return {"models": [health.told(model) for model in _models(request).all()]}


@router.get("/contract", summary="Classes, colours, factor and sight, as written by the trainer")
async def contract(request: Request) -> Response:
    """The contract of the first model, byte for byte as it lies in the artefact."""
    return _contract(_models(request).first)


@router.get(
    "/models/{name}/contract",
    summary="The contract of that model",
    responses=openapi.failures("/models", 404),
)
async def contract_of(request: Request, name: str) -> Response:
    """The contract, byte for byte as it lies in the artefact."""
    return _contract(_models(request).find(name))


async def _segmented(request: Request, model: Model) -> Response:
    """Read the question, then the pictures; answer what is asked about them."""
    # What is wrong with the question is said before the pictures are waited for.
    ask = negotiate.read(request.query_params, ", ".join(request.headers.getlist("accept")))
    uploads, answers = await intake.answer(
        request, model, lambda uploads: [File(each, ask) for each in uploads]
    )
    if len(answers) == 1:
        return _response(uploads, answers, ask)
    # Packing what may be many megabytes would keep the event loop from telling its health.
    return await asyncio.to_thread(_response, uploads, answers, ask)


def _response(uploads: list[Upload], answers: list[Answer], ask: Ask) -> Response:
    body, kind = answers[0].body, ask.media_type
    if len(answers) > 1:
        names = [each.name for each in uploads]
        body, kind = many.bundle(names, [each.body for each in answers], ask.media_type)
    milliseconds = many.total([each.milliseconds for each in answers])
    timing = ", ".join(f"{name};dur={took:.3f}" for name, took in milliseconds.items())
    return Response(body, media_type=kind, headers={"Server-Timing": timing, "Vary": "Accept"})


def _models(request: Request) -> Models:
    models: Models = request.app.state.models
    return models


def _contract(model: Model) -> Response:
    text = model.segmenter.runtime.contract
    return Response(text.encode(), media_type="application/json")
