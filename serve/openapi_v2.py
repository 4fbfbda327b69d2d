"""What openapi.json says of an inference: its tensors and its answer."""

from __future__ import annotations

from typing import Any

from serve import openapi
from serve.inference import CONFIDENCE, IMAGE, MASK, MOST_PICTURES, PICTURE

Described = dict[str, Any]

BINARY = "application/octet-stream"
OBJECT = {"type": "object"}
SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 0}}
LENGTH = {"schema": {"type": "integer"}, "description": "Bytes of JSON before those of tensors."}


def _fields(required: tuple[str, ...], **properties: Described) -> Described:
    return {**OBJECT, "required": list(required), "properties": properties}


def _tensor(names: tuple[str, ...], datatypes: tuple[str, ...]) -> Described:
    return _fields(
        ("name", "datatype", "shape"),
        name={"type": "string", "enum": list(names)},
        datatype={"type": "string", "enum": list(datatypes)},
        shape=SHAPE,
        data={"type": "array", "description": "left out where bytes follow the JSON"},
        parameters={**OBJECT, "description": "`binary_data_size`, where bytes follow the JSON"},
    )


ASKED = _fields(
    ("inputs",),
    id={"type": "string"},
    inputs={
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": _tensor((IMAGE, PICTURE), ("UINT8", "BYTES")),
        "description": f"`{IMAGE}`: pixels, UINT8 [N,H,W,3] or [H,W,3]; or `{PICTURE}`: files of "
        f"one size, BYTES [N] or [N,1], base64 in JSON; N up to {MOST_PICTURES}",
    },
    outputs={
        "type": "array",
        "items": _fields(
            ("name",), name={"type": "string", "enum": [MASK, CONFIDENCE]}, parameters=OBJECT
        ),
        "description": "those wanted; all where none is named",
    },
    parameters={**OBJECT, "description": "`binary_data_output`: whether bytes shall answer"},
)
ANSWERED = _fields(
    ("model_name", "model_version", "outputs"),
    id={"type": "string"},
    model_name={"type": "string"},
    model_version={"type": "string"},
    outputs={
        "type": "array",
        "items": _tensor((MASK, CONFIDENCE), ("UINT8", "UINT16")),
    },
)
QUESTION = {
    "inputs": [
        {"name": IMAGE, "datatype": "UINT8", "shape": [1, 2, 3], "data": [90, 60, 40, 90, 60, 41]}
    ],
    "outputs": [{"name": MASK}],
}
ANSWER = {
    "model_name": "street",
    "model_version": "1",
    "outputs": [{"name": MASK, "datatype": "UINT8", "shape": [1, 1, 2], "data": [0, 0]}],
}


INFER: Described = {
    "responses": {
        200: {
            "description": "The outputs, as JSON or with their bytes behind it.",
            "headers": {"Inference-Header-Content-Length": LENGTH},
            "content": {
                "application/json": {"schema": ANSWERED, "example": ANSWER},
                BINARY: {"schema": openapi.BINARY},
            },
        },
        **openapi.failures("/v2", 400, 404, 408, 413, 415, 429, 503),
    },
    "openapi_extra": {
        "parameters": [{"in": "header", "name": "Inference-Header-Content-Length", **LENGTH}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ASKED, "example": QUESTION},
                BINARY: {"schema": openapi.BINARY},
            },
        },
    },
}
