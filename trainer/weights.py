"""Fills a network with public weights from a local file, and says what fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Module

from kernels.errors import UserError
from trainer.network import Network

# What training code wraps its tensors in, as keys of the file and as beginnings of their names.
KEYS = ("state_dict", "model_state_dict", "model_state", "model", "weights", "net", "network")
BEGINNINGS = ("module.", "model.", "body.", "backbone.", "encoder.", "features.", "net.")
# A counter that older files lack and nothing here reads.
COUNTER = "num_batches_tracked"
# The share of a body that must be filled, and that of a file which may be left over unremarked.
LEAST, LEFT_OVER = 0.5, 0.2


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What became of the tensors of a file and of those of the network's body."""

    path: Path
    filled: tuple[str, ...]  # names in the body, as are the next two
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    unused: tuple[str, ...]  # names in the file
    parameters: int  # numbers in the tensors that were filled
    of_parameters: int
    left_over: float  # the share of the file's numbers that nothing was filled with

    def told(self) -> list[str]:
        """The same in a few lines."""
        tensors = len(self.filled) + len(self.missing) + len(self.misshapen)
        lines = [
            f"{self.path}: fills {len(self.filled)} of {tensors} tensors, "
            f"{100 * self.parameters / max(1, self.of_parameters):.1f} % of "
            f"{self.of_parameters:,} numbers"
        ]
        for what, names in (
            ("fresh, not in the file", self.missing),
            ("fresh, of another shape in the file", self.misshapen),
            ("in the file, not in the model", self.unused),
        ):
            if names:
                lines.append(f"  {what}: {_grouped(names)}")
        if self.left_over > LEFT_OVER:
            lines.append(
                f"  note: {100 * self.left_over:.0f} % of the file is not in the model: "
                "is it that of a larger one?"
            )
        return lines


def fill(network: Network, path: Path) -> Matched:
    """Copy every tensor of the file that the body has by name and shape; none is an error."""
    body = network.get_submodule("body")
    # Buffers of the network and the body themselves are settings, not weights.
    settings = {name for part in (network, body) for name, _ in part.named_buffers(recurse=False)}
    ours = _counted(body.state_dict(), settings)
    theirs = _counted(_read(path), settings)
    pairs = _pairs(ours, theirs)
    fitting = [name for name in pairs if ours[name].shape == theirs[pairs[name]].shape]
    misshapen = [name for name in pairs if name not in set(fitting)]
    if len(fitting) <= len(misshapen):
        raise _misfit(path, ours, theirs, pairs)
    _refuse_little(path, network, ours, fitting)
    _refuse_infinite(path, {pairs[name]: theirs[pairs[name]] for name in fitting})
    for name in fitting:
        ours[name].copy_(theirs[pairs[name]])
    return Matched(
        path=path,
        filled=tuple(fitting),
        missing=tuple(name for name in ours if name not in pairs),
        misshapen=tuple(misshapen),
        unused=tuple(sorted(theirs.keys() - set(pairs.values()))),
        parameters=sum(ours[name].numel() for name in fitting),
        of_parameters=sum(value.numel() for value in ours.values()),
        left_over=_left_over(theirs, {pairs[name] for name in fitting}, body),
    )


def _refuse_little(
    path: Path, network: Network, ours: Mapping[str, Tensor], fitting: Sequence[str]
) -> None:
    """Raise where the file leaves most of what public weights are for as it was."""
    fresh = tuple(f"{name}." for name in getattr(network.body, "fresh", ()))
    wanted = {name: value.numel() for name, value in ours.items() if not name.startswith(fresh)}
    filled = sum(wanted.get(name, 0) for name in fitting)
    if filled < LEAST * sum(wanted.values()):
        raise UserError(
            f"{path}: fills {100 * filled / sum(wanted.values()):.1f} % of the model's body: these "
            "are the weights of another model",
            hint="give the weights of this model or of its backbone",
        )


def _pairs(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str]:
    """Names in the body -> names in the file: the same name, or else the same bare name."""
    by_bare = {_bare(name): name for name in theirs}
    bare = Counter(map(_bare, ours))
    pairs = {}
    for name in ours:
        if name in theirs:
            pairs[name] = name
        elif bare[_bare(name)] == 1 and _bare(name) in by_bare:
            pairs[name] = by_bare[_bare(name)]
    return pairs


def _bare(name: str) -> str:
    """The name without what training code puts before it."""
    shorter = name
    for beginning in BEGINNINGS:
        shorter = shorter.removeprefix(beginning)
    return name if shorter == name else _bare(shorter)


def _counted(tensors: Mapping[str, Tensor], settings: set[str]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in tensors.items()
        if not name.endswith(COUNTER) and _bare(name) not in settings
    }


def _misfit(
    path: Path, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], pairs: Mapping[str, str]
) -> UserError:
    """The error for the weights of another model."""
    if pairs:
        name = next(name for name in pairs if ours[name].shape != theirs[pairs[name]].shape)
        other, what = pairs[name], "most of its tensors have other shapes than the model's"
    else:
        name, other = next(iter(ours)), next(iter(theirs))
        what = f"none of its {len(theirs)} tensors is in the model"
    return UserError(
        f"{path}: {what}",
        hint=f"the model has {_shaped(name, ours[name])}, the file {_shaped(other, theirs[other])}",
    )


def _shaped(name: str, tensor: Tensor) -> str:
    return f"'{name}' {list(tensor.shape)}"


def _left_over(theirs: Mapping[str, Tensor], used: set[str], body: Module) -> float:
    """The share of the file that is not used, but for what only a classifier of pictures needs."""
    aside = tuple(f"{name}." for name in getattr(body, "aside", ()))
    counted = {name: t.numel() for name, t in theirs.items() if not _bare(name).startswith(aside)}
    unused = sum(numbers for name, numbers in counted.items() if name not in used)
    return unused / max(1, sum(counted.values()))


def _refuse_infinite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise UserError(f"{path}: '{name}' holds numbers that are not finite")


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of the file, by name; no code of the file is run."""
    if not path.is_file():
        hint = "for a directory of transformers' use --model hf:DIR" if path.is_dir() else ""
        raise UserError(f"{path}: no such weights file", hint=hint)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises whatever its unpickler meets
        raise UserError(
            f"{path}: not a file of plain tensors, or damaged",
            hint="give a .pth, .pt, .bin, .ckpt or .safetensors file; where it holds other "
            "objects besides, save its state_dict alone",
        ) from None
    return _tensors(content, path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return _tensors(load_file(path), path)
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error})") from None


def _tensors(content: object, path: Path) -> dict[str, Tensor]:
    """What is left of a file's content when its wrappers are off."""
    while isinstance(content, dict):
        inner = next((content[key] for key in KEYS if isinstance(content.get(key), dict)), None)
        if inner is None:
            tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
            if tensors:
                return tensors
            break
        content = inner
    raise UserError(f"{path}: holds no named tensors", hint="give a file with a state_dict")


def _grouped(names: Iterable[str]) -> str:
    """The first parts of the names, with how many begin so."""
    groups = Counter(_bare(name).partition(".")[0] for name in names)
    return ", ".join(f"{group} ({count})" for group, count in groups.items())
