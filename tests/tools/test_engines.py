"""The table of engines has a row for what was built, and tells what was not."""

from types import SimpleNamespace

import pytest

from kernels.errors import UserError


@pytest.fixture(scope="module")
def tool(load_tool):
    return load_tool("engines")


def test_a_model_is_traced_once_and_a_failed_build_is_told(tool, monkeypatch, capsys):
    traced = []

    def build(found, fresh, body, options, order):
        if options.precision == "fp16":
            raise UserError("TensorRT does not take this network: Odd 'node'")
        return f"0.3 | 12.0 | 135 | 26 {options.precision} {options.intake.plain()['batch']}"

    monkeypatch.setattr(tool, "trace", lambda *given: traced.append(given))
    monkeypatch.setattr(tool, "build", build)
    given = SimpleNamespace(precisions=["fp32", "fp16"], batches=["1", "1..4"], size="64x96")
    failed = list(tool.rows(None, "compact", given, None))
    assert len(traced) == 1
    assert failed == [
        f"compact, fp16, batch {batch}: TensorRT does not take this network: Odd 'node'"
        for batch in ("1", "1..4")
    ]
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "| compact | fp32 | 1 | 0.3 | 12.0 | 135 | 26 fp32 1 |",
        "| compact | fp32 | 1..4 | 0.3 | 12.0 | 135 | 26 fp32 1..4 |",
        "| compact | fp16 | 1 | none | | | |",
        "| compact | fp16 | 1..4 | none | | | |",
    ]


def test_the_fresh_checkpoint_is_one_of_that_model(tool):
    fresh = tool.fresh_checkpoint("compact")
    assert fresh.recipe.model == "compact"
    assert fresh.network.body.multiple == 16
    assert not fresh.network.training
