"""The service: one artefact behind POST /segment, GET /healthz and GET /contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Request, Response

from kernels import threads
from serve import door, errors, openapi, operations, upload
from serve.metrics import Metrics
from serve.segment import Segmenter
from serve.settings import Settings

TITLE = "softres"
DESCRIPTION = "Full-size segmentation masks from a network that sees small pictures."
# Of this interface, not of the package.
VERSION = "1"

router = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """The service; it opens the artefact when it starts up, not before."""
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
    app.include_router(router)
    app.include_router(operations.router)
    errors.install(app)
    door.install(app, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    segmenter = Segmenter(settings.model, threads=settings.threads, max_pixels=settings.max_pixels)
    segmenter.warm_up()
    app.state.segmenter = segmenter
    # More pictures at once would only hold more memory: each already uses every core.
    app.state.turns = CapacityLimiter(threads.count())
    yield


@router.post(
    "/segment",
    summary="Segment a picture",
    description=openapi.SEGMENT,
    responses=openapi.ANSWERS,
    openapi_extra=openapi.BODY,
    response_class=Response,
)
async def segment(request: Request) -> Response:
    """Answer one picture with its mask."""
    state = request.app.state
    data = await upload.read(request, state.settings.max_bytes)
    answer = await to_thread.run_sync(state.segmenter.answer, data, limiter=state.turns)
    timing = ", ".join(f"{name};dur={took:.3f}" for name, took in answer.milliseconds.items())
    return Response(answer.body, media_type=answer.media_type, headers={"Server-Timing": timing})


@router.get("/healthz", summary="Is it alive, and what does it serve?")
async def healthz(request: Request) -> dict[str, str | int]:
    """Answer as long as the artefact is open."""
    segmenter: Segmenter = request.app.state.segmenter
    return {
        "status": "ok",
        "model": request.app.state.settings.model.name,
        "runtime": segmenter.runtime.name,
        "classes": len(segmenter.contract.classes),
        "factor": str(segmenter.contract.factor),
    }


@router.get("/contract", summary="Classes, colours and factor, as written by the trainer")
async def contract(request: Request) -> Response:
    """The contract, byte for byte as it lies in the artefact."""
    segmenter: Segmenter = request.app.state.segmenter
    return Response(segmenter.runtime.contract.encode(), media_type="application/json")
