"""The one file a training run leaves: weights, contract and recipe."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.publish import published
from trainer.network import Network, build
from trainer.recipe import Recipe, from_plain

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network and what it promises."""

    network: Network
    contract: Contract
    recipe: Recipe
    steps_done: int


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the file; a reader sees the old one or the new one, never half of it."""
    refuse_unsound(checkpoint, path)
    weights = {name: value.cpu() for name, value in checkpoint.network.state_dict().items()}
    content = {
        "format": FORMAT,
        "contract": checkpoint.contract.to_json(),
        "recipe": checkpoint.recipe.plain(),
        "config": checkpoint.network.config,
        "steps_done": checkpoint.steps_done,
        "weights": weights,
    }
    # By way of memory: on a full disk torch's own writer raises what nobody can tell from a bug.
    buffer = BytesIO()
    torch.save(content, buffer)
    with published(path) as draft:
        draft.write_bytes(buffer.getbuffer())


def refuse_unsound(checkpoint: Checkpoint, path: Path) -> None:
    """Raise where the weights are no numbers, before they replace at `path` what may be some."""
    if not is_sound(checkpoint.network):
        raise UserError(
            f"{path} was not written: the weights are not finite numbers",
            hint=f"lower --learning-rate below {checkpoint.recipe.learning_rate:g}",
        )


def is_sound(network: Network) -> bool:
    """Whether every weight is a finite number."""
    return all(bool(value.isfinite().all()) for value in network.state_dict().values())


def load(path: Path) -> Checkpoint:
    """The network, ready to predict, on the CPU."""
    content = _content(path)
    try:
        with about(path):
            contract = Contract.from_json(content["contract"])
            recipe = from_plain(content["recipe"])
            network = build(
                recipe.model,
                len(contract.classes),
                sight=contract.sight,
                config=content.get("config", ""),
            )
        network.load_state_dict(content["weights"])
        steps_done = int(content["steps_done"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"{path}: damaged, or from another softres ({str(error).splitlines()[0]})",
            hint="use the softres that wrote it, or train again",
        ) from None
    return Checkpoint(
        network=network.eval(), contract=contract, recipe=recipe, steps_done=steps_done
    )


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint", hint="`trainer fit` writes model.ckpt")
    if path.suffix.lower() == ".onnx":
        raise UserError(f"{path}: an artefact, not a checkpoint", hint="give its model.ckpt")
    try:
        # weights_only: a checkpoint from a stranger must not be able to run code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises whatever its unpickler meets
        raise UserError(
            f"{path}: not a softres checkpoint, or damaged",
            hint="give the model.ckpt that `trainer fit` wrote",
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(
            f"{path}: not a checkpoint this softres reads", hint="`trainer fit` writes model.ckpt"
        )
    return content
