"""GET /healthz and /readyz: whether the process lives, and whether to send it requests.

Neither waits for anything: they answer on the event loop, whatever the workers have to do.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from serve import errors, openapi
from serve.admission import Gate
from serve.keys import Keys
from serve.models import Model, Models

router = APIRouter()


def told(model: Model) -> dict[str, Any]:
    """What is said of a model without its contract's lists."""
    contract = model.segmenter.contract
    return {
        "name": model.name,
        "file": model.path.name,
        "runtime": model.segmenter.runtime.name,
        "classes": len(contract.classes),
        "factor": str(contract.factor),
        "sight": contract.sight,
        "batch": model.batcher.most,
        "whole_decode": model.segmenter.whole_decode,
    }


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is it alive, and what does it serve?")
async def healthz(request: Request) -> dict[str, Any]:
    """Answer as long as the process lives; `model` and what follows are the first model's.

    Where keys are wanted, only who has one learns what is served.
    """
    models: Models = request.app.state.models
    gate: Gate = request.app.state.gate
    keys: Keys | None = request.app.state.keys
    held: dict[str, Any] = {"status": "ok", "held": gate.taken, "places": gate.places}
    if gate.queue_time is not None:
        held["queue_time"] = gate.queue_time
    if models.ready and (keys is None or keys.admit(request.headers)):
        first = told(models.first)
        held |= {"model": first["file"]} | {
            name: first[name] for name in ("runtime", "classes", "factor", "sight")
        }
    return held


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Shall requests be sent to it?", responses=openapi.NOT_READY)
async def readyz(request: Request) -> Response:
    """200 once every model is warm, 503 before that and when the server is told to stop."""
    models: Models = request.app.state.models
    gate: Gate = request.app.state.gate
    if gate.closed:
        return errors.answer(
            request.scope, 503, "the server is about to stop", hint="send requests elsewhere"
        )
    if not models.ready:
        return errors.answer(
            request.scope, 503, "models are being opened", hint="ask again in a second"
        )
    return Response(b'{"status":"ready"}', media_type="application/json")
