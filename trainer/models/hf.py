"""`hf:DIR`: any semantic-segmentation model of transformers, from a directory or the local cache.

A directory with weights begins with these, one with a config.json alone begins fresh. Nothing is
downloaded, and no code of the directory is run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kernels.errors import UserError
from trainer import talk

WHERE = "a directory with a config.json, or a name in the local Hugging Face cache,"
WEIGHTS = ("*.safetensors", "*.bin")
# What public models are used to: sides that halve five times.
MULTIPLE = 32
PROBE = (2 * MULTIPLE, 3 * MULTIPLE)
# What the network did to the picture before the body sees it, in 0..1.
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build(classes: int, where: str) -> Wrapped:
    """A body for that many classes; `where` may also be the JSON that such a body's config is."""
    with _quiet():
        if where.startswith("{"):
            return Wrapped(_fresh(_parsed(where)))
        return _found(classes, where)


class Wrapped(nn.Module):
    """Feeds the model the colours it knows, and gives its logits alone."""

    multiple = MULTIPLE
    colours: Tensor
    offset: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        # In the state: a checkpoint brings them back without the directory.
        self.register_buffer("colours", torch.eye(3).view(3, 3, 1, 1))
        self.register_buffer("offset", torch.zeros(3))
        self.config = _portable(model.config)
        self.fresh = tuple(f"model.{name}" for name, _ in _heads(model))
        self.stride = self._probed()

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h/stride,w/stride]."""
        logits: Tensor = self.model(F.conv2d(picture, self.colours, self.offset)).logits
        return logits

    def take_colours(self, settings: dict[str, Any]) -> None:
        """From the network's normalisation to the one of a preprocessor_config.json."""
        normal = settings.get("do_normalize", True) and "image_mean" in settings
        mean = torch.tensor(settings["image_mean"] if normal else [0.0] * 3)
        spread = torch.tensor(settings["image_std"] if normal else [1.0] * 3)
        order = [2, 1, 0] if settings.get("do_flip_channel_order") else [0, 1, 2]
        ours, scale = torch.tensor(MEAN)[order], torch.tensor(SPREAD)[order]
        self.colours.copy_((torch.eye(3)[order] * (scale / spread)[:, None]).view(3, 3, 1, 1))
        self.offset.copy_((ours - mean) / spread)

    def _probed(self) -> int:
        """Side of a picture / side of its logits, by looking at one."""
        was_training = self.training
        try:
            with torch.no_grad():
                sides = self.eval()(torch.zeros(1, 3, *PROBE)).shape[-2:]
        except (RuntimeError, ValueError) as error:
            raise _unfit(str(error).splitlines()[0]) from None
        finally:
            self.train(was_training)
        stride = PROBE[0] // int(sides[0])
        if (sides[0] * stride, sides[1] * stride) != PROBE:
            raise _unfit(f"{PROBE} pixels became {tuple(sides)} logits")
        return stride


def _portable(config: Any) -> str:
    """The whole config as JSON, but for the place it came from."""
    plain = {**config.to_dict(), "_name_or_path": ""}
    return json.dumps(plain, sort_keys=True)


def _found(classes: int, where: str) -> Wrapped:
    """The model of a directory or of the cache."""
    from transformers import AutoConfig, AutoModelForSemanticSegmentation

    folder = Path(where).expanduser()
    place = str(folder) if folder.is_dir() else where
    try:
        config = AutoConfig.from_pretrained(place, local_files_only=True)
        config.num_labels = classes
        # Its loss is transformers' own; here it would be weights that never learn.
        config.use_auxiliary_head = False
        if folder.is_dir() and not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
            return _coloured(Wrapped(_fresh(config)), place)
        model, info = AutoModelForSemanticSegmentation.from_pretrained(
            place,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"hf:{where}: no model to be had there ({str(error).strip().splitlines()[0]})",
            hint="give a directory with a config.json of a semantic-segmentation model, or "
            f"download it first: hf download {where}",
        ) from None
    _tell(where, info)
    return _coloured(Wrapped(model), place)


def _fresh(config: Any) -> Any:
    from transformers import AutoModelForSemanticSegmentation

    try:
        return AutoModelForSemanticSegmentation.from_config(config, dtype=torch.float32)
    except ValueError as error:
        raise UserError(
            f"'{config.model_type}' is no semantic-segmentation model of transformers",
            hint=str(error).splitlines()[0],
        ) from None


def _parsed(text: str) -> Any:
    from transformers import AutoConfig

    plain = json.loads(text)
    return AutoConfig.for_model(plain.pop("model_type"), **plain)


def _coloured(body: Wrapped, place: str) -> Wrapped:
    """The body, told which colours its model knows, if that is written anywhere."""
    from transformers.utils.hub import cached_file

    found = cached_file(
        place,
        "preprocessor_config.json",
        local_files_only=True,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if found is not None:
        body.take_colours(json.loads(Path(found).read_text(encoding="utf-8")))
    return body


def _heads(model: Any) -> list[tuple[str, nn.Module]]:
    """The submodules besides the part that sees; none where nothing says which that is."""
    names = {getattr(model, "base_model_prefix", ""), "backbone"}
    children = list(model.named_children())
    heads = [(name, child) for name, child in children if name not in names]
    return heads if len(heads) < len(children) else []


def _tell(where: str, info: dict[str, Any]) -> None:
    """Say which tensors of the model the directory did not fill."""
    fresh = sorted({*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])})
    if fresh:
        more = f" and {len(fresh) - 3} more" if len(fresh) > 3 else ""
        talk.say(f"hf:{where}: fresh weights for {', '.join(fresh[:3])}{more}")


def _unfit(why: str) -> UserError:
    return UserError(
        f"this model of transformers does not take pictures of any size ({why})",
        hint="SegFormer, UPerNet, BEiT, MobileViT and MobileNetV2 do",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from its own bars and notes: `_tell` says what matters."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
