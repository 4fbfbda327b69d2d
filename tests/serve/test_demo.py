"""`make demo` asks the service as it is: it trains for minutes, so here is only its last part."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def demo(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("demo")


def test_it_reads_the_mask_and_all_stages_that_the_service_tells(
    demo: ModuleType, client: httpx.Client, toy: SimpleNamespace
) -> None:
    photo = toy.photo(48, 64)
    content, timings = demo.post(str(client.base_url), toy.written(photo))
    mask = np.asarray(Image.open(io.BytesIO(content)))
    assert mask.shape == (48, 64)
    told = demo.table({"miou": 0.5}, mask, 0, 0, timings)
    for stage in ("queue", "decode", "shrink", "network", "paint", "encode"):
        assert timings[stage] >= 0
        assert f"ms {stage} " in told


def test_it_starts_the_service_and_ends_it(demo: ModuleType, model: Path) -> None:
    with demo.service(model) as address:
        assert httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/readyz", trust_env=False)
