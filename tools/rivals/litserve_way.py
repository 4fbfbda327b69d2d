"""LitServe with ONNX Runtime: the artefact as it is, full-size picture in, full-size mask out.

One worker with as many threads as told, no batches: on a CPU they only make everyone wait.
`python tools/rivals/litserve_way.py model.onnx --port 8002 --threads 2`
"""

import argparse
import io
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, Response
from PIL import Image

try:
    import litserve
except ImportError:
    raise SystemExit("error: litserve is not installed: pip install --group bench") from None


class Api(litserve.LitAPI):
    """Decode, run the graph, encode."""

    def __init__(self, model: Path, threads: int) -> None:
        super().__init__(api_path="/segment")
        self.model, self.threads = model, threads

    def setup(self, device: str) -> None:
        """In the worker: open the graph and try it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(str(self.model), options, providers=providers)
        told = self.session.get_modelmeta().custom_metadata_map["softres.contract"]
        self.palette = [value for colour in json.loads(told)["palette"] for value in colour]
        self.predict(np.zeros((128, 256, 3), np.uint8))

    # Evaluated, not a text: LitServe hands it to FastAPI, which then passes the body as it is.
    def decode_request(
        self, request: Annotated[bytes, Body(media_type="image/jpeg")], **_: Any
    ) -> Any:
        """The bytes of a JPEG -> pixels."""
        return np.asarray(Image.open(io.BytesIO(request)).convert("RGB"))

    def predict(self, x: Any, **_: Any) -> Any:
        """Pixels -> class of every pixel."""
        return self.session.run(None, {"image": x[None]})[0][0]

    def encode_response(self, output: Any, **_: Any) -> Response:
        """The mask as a palette PNG."""
        painted, target = Image.fromarray(output.astype(np.uint8)), io.BytesIO()
        painted.putpalette(self.palette)
        painted.save(target, "PNG")
        return Response(target.getvalue(), media_type="image/png")


def main() -> None:
    """Serve until told to stop."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("model", type=Path)
    words.add_argument("--port", type=int, default=8002)
    words.add_argument("--threads", type=int, default=2)
    given = words.parse_args()
    server = litserve.LitServer(
        Api(given.model, given.threads),
        accelerator="cpu",
        workers_per_device=1,
        timeout=False,
        fast_queue=True,
        healthcheck_path="/healthz",
    )
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
