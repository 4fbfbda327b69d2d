"""The Open Inference Protocol (KServe v2) over HTTP, with its binary tensors: /v2 and below."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from kernels.errors import one_of
from kernels.paint import mask_dtype
from serve import health, inference, intake, openapi, tensors
from serve.errors import UnknownError, UnsupportedError
from serve.inference import CONFIDENCE, IMAGE, MASK, PICTURE, Inference
from serve.models import Model, Models
from serve.openapi_v2 import INFER

# An artefact has no history here: there is one version of it, and it goes by this name.
VERSION = "1"
EXTENSIONS = ("binary_tensor_data",)
HEADER = "Inference-Header-Content-Length"

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])


@router.get("", summary="What this server is")
async def server() -> dict[str, Any]:
    """Name, version and extensions."""
    version = metadata.version("softres")
    return {"name": "softres", "version": version, "extensions": list(EXTENSIONS)}


@router.get("/health/live", summary="Is it alive?")
async def live() -> dict[str, bool]:
    """200 as long as the process lives."""
    return {"live": True}


@router.get("/health/ready", summary="Shall requests be sent to it?", responses=openapi.NOT_READY)
async def ready(request: Request) -> Response:
    """As /readyz."""
    return await health.readyz(request)


@router.get(
    "/models/{name}",
    summary="Inputs and outputs of a model",
    responses=openapi.failures("/v2", 404),
)
@router.get("/models/{name}/versions/{version}", include_in_schema=False)
async def about(request: Request, name: str) -> dict[str, Any]:
    """Names, datatypes and shapes of its tensors; an inference has one of the two inputs."""
    segmenter = _model(request, name).segmenter
    datatype, _ = tensors.DATATYPES[np.dtype(mask_dtype(len(segmenter.contract.classes)))]
    datatypes = {MASK: datatype, CONFIDENCE: "UINT8"}
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "softres",
        "inputs": [_tensor(IMAGE, "UINT8", -1, -1, -1, 3), _tensor(PICTURE, "BYTES", -1)],
        "outputs": [
            _tensor(each, datatypes[each], -1, -1, -1) for each in inference.outputs(segmenter)
        ],
    }


@router.get(
    "/models/{name}/ready", summary="Is this model ready?", responses=openapi.failures("/v2", 404)
)
@router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
async def model_ready(request: Request, name: str) -> dict[str, Any]:
    """200 once it is warm, 404 where there is none of that name."""
    return {"name": _model(request, name).name, "ready": True}


@router.post("/models/{name}/infer", summary="Segment tensors", response_class=Response, **INFER)
@router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
async def infer(request: Request, name: str) -> Response:
    """Answer the pictures of one request with their masks."""
    model = _model(request, name)
    header = request.headers.get(HEADER)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise UnsupportedError("a form is no inference request", hint="send JSON and tensors")
    job = partial(Inference, header=header, model=model.name, version=VERSION)
    _, (answer,) = await intake.answer(request, model, lambda sent: [job(sent[0].data)])
    if answer.header is None:
        return Response(answer.body, media_type="application/json")
    headers = {HEADER: str(answer.header)}
    return Response(answer.body, media_type="application/octet-stream", headers=headers)


def _model(request: Request, name: str) -> Model:
    models: Models = request.app.state.models
    model = models.find(name)
    version = request.path_params.get("version", VERSION)
    if version != VERSION:
        told = one_of("version", version, [VERSION])
        raise UnknownError(told.message, hint=told.hint)
    return model


def _tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}
