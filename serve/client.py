"""Asks a service for masks: `Client("http://127.0.0.1:8000").segment("street.jpg").mask`."""

from __future__ import annotations

import http.client
import io
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib import error, parse, request

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.contract import Contract
from kernels.errors import UserError, about
from kernels.paint import Mask, mask_dtype

Picture = str | Path | bytes | NDArray[np.uint8] | Image.Image

# The answers of a server that is busy now and may not be in a moment.
BUSY = (429, 503)
FIRST_WAIT = 0.25  # seconds, doubled each time, where the server does not say how long
LONGEST_WAIT = 10.0
NOT_OURS = "is it softres there, at this address?"
NOT_THERE = "is it running? serve model.onnx says its address when it is ready"


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """The answer to one picture."""

    mask: Mask  # [H,W] of class ids, for the picture turned upright
    contract: Contract
    milliseconds: dict[str, float]  # of each stage on the server, in the order they ran
    round_trip: float  # milliseconds until the answer was here

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of every class id."""
        return self.contract.classes

    @property
    def shares(self) -> dict[str, float]:
        """The share of the picture that each class in it has, the largest first."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.classes))
        largest = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]
        return {self.classes[index]: float(counts[index] / self.mask.size) for index in largest}


class Client:
    """One service. Several threads may use it at once; each request has its own connection."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        model: str | None = None,
        timeout: float = 60.0,
        patience: float = 60.0,
    ) -> None:
        """`patience` is how many seconds a picture may wait in all for a server that is busy."""
        if key and not (key.isascii() and key.isprintable()):
            raise UserError("the key has letters that no key has", hint="copy it anew")
        self._url = _address(url)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._model = model
        self._timeout, self._patience = timeout, patience
        self._opener = request.build_opener(_Stay)
        self._contracts: dict[str | None, Contract] = {}
        self._lock = threading.Lock()

    def models(self) -> tuple[str, ...]:
        """The names of what is served, the one that answers by default first."""
        body = self._ask("models").body
        try:
            return tuple(str(model["name"]) for model in json.loads(body)["models"])
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self._url} names no models", hint=NOT_OURS) from None

    def contract(self, model: str | None = None) -> Contract:
        """Classes, colours, factor and sight of a model; asked for once."""
        name = model or self._model
        with self._lock:
            if name not in self._contracts:
                text = self._ask(_path("contract", name)).body.decode(errors="replace")
                with about(self._url):
                    self._contracts[name] = Contract.from_json(text)
            return self._contracts[name]

    def segment(self, picture: Picture, *, model: str | None = None) -> Segmentation:
        """The mask of a picture: a file's path or bytes, uint8 [H,W,3] or [H,W], or Pillow's."""
        name = model or self._model
        with about(picture) if isinstance(picture, str | Path) else about("picture"):
            data = encoded(picture)
            contract = self.contract(name)
            begin = time.perf_counter()
            answer = self._ask(f"{_path('segment', name)}?format=png", data)
            took = (time.perf_counter() - begin) * 1000
        return Segmentation(
            mask=decoded(answer.body, contract),
            contract=contract,
            milliseconds=_stages(answer.headers.get("Server-Timing") or ""),
            round_trip=took,
        )

    def segment_many(
        self, pictures: Iterable[Picture], *, workers: int = 4, model: str | None = None
    ) -> Iterator[Segmentation | UserError]:
        """The answers in the order of `pictures`, of which `workers` are asked for at once.

        A picture that gets no mask gives its error in its place and costs no other one its own.
        """
        if workers < 1:
            raise UserError(f"workers {workers}; at least 1 is needed")

        def one(picture: Picture) -> Segmentation | UserError:
            try:
                return self.segment(picture, model=model)
            except UserError as problem:
                return problem

        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[Future[Segmentation | UserError]] = deque()
            for picture in pictures:
                ahead.append(pool.submit(one, picture))
                # Answers that nobody takes yet must not fill the memory.
                if len(ahead) >= 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _ask(self, path: str, body: bytes | None = None) -> _Answer:
        """Ask, and again while the server is busy, as long as patience lasts."""
        waited, pause = 0.0, FIRST_WAIT
        while True:
            answer = self._once(path, body)
            if answer.status < 300:
                return answer
            wait = _wished(answer.headers.get("Retry-After")) or pause
            if answer.status not in BUSY or waited + wait > self._patience:
                raise _problem(answer, self._url)
            time.sleep(wait)
            waited, pause = waited + wait, min(2 * pause, LONGEST_WAIT)

    def _once(self, path: str, body: bytes | None) -> _Answer:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/octet-stream"
        asked = request.Request(f"{self._url}/{path}", data=body, headers=headers)
        try:
            with self._opened(asked) as answer:
                return _Answer(status=answer.status, headers=answer.headers, body=answer.read())
        except TimeoutError:
            raise self._too_slow() from None
        except error.URLError as problem:
            if isinstance(problem.reason, TimeoutError):
                raise self._too_slow() from None
            raise UserError(
                f"{self._url} does not answer ({problem.reason})", hint=NOT_THERE
            ) from None
        except (OSError, http.client.HTTPException) as problem:
            told = str(problem) or type(problem).__name__
            raise UserError(f"{self._url} broke off ({told})", hint=NOT_THERE) from None

    def _opened(self, asked: request.Request) -> Any:
        try:
            return self._opener.open(asked, timeout=self._timeout)
        except error.HTTPError as refused:
            # An answer as well, and read like any other.
            return refused

    def _too_slow(self) -> UserError:
        return UserError(
            f"{self._url} did not answer within {self._timeout:g} s",
            hint="give it a longer timeout",
        )


class _Stay(request.HTTPRedirectHandler):
    """Follows no redirect: urllib would take the key along, to whoever it leads to."""

    def redirect_request(self, *_: Any) -> None:
        """Leave it as the answer that it is."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: Any
    body: bytes


def encoded(picture: Picture) -> bytes:
    """The picture as the bytes of a file; what is no file yet becomes a lossless PNG."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | Path):
        try:
            return Path(picture).read_bytes()
        except OSError as problem:
            raise UserError(
                f"cannot be read ({problem.strerror})", hint="give the path of a picture"
            ) from None
    target = io.BytesIO()
    image = _image(picture) if isinstance(picture, np.ndarray) else picture
    try:
        # The fastest: on the way to a server bytes cost less than the search for shorter ones.
        image.convert("RGB").save(target, "PNG", compress_level=1)
    except OSError as problem:
        raise UserError(f"cannot be read ({problem})", hint="give a whole picture") from None
    return target.getvalue()


def _image(pixels: NDArray[Any]) -> Image.Image:
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (colour or pixels.ndim == 2) or 0 in pixels.shape:
        raise UserError(
            f"an array {list(pixels.shape)} of {pixels.dtype} is no picture",
            hint="give uint8 [H,W,3] or [H,W]",
        )
    return Image.fromarray(pixels)


def decoded(data: bytes, contract: Contract) -> Mask:
    """The class ids of an answered PNG, exactly as they were painted."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as problem:
        raise UserError(f"the answer is no mask ({problem})", hint=NOT_OURS) from None
    classes = len(contract.classes)
    if pixels.ndim != 2 or pixels.dtype == bool or pixels.max() >= classes:
        raise UserError(
            f"the answer is no mask of its {classes} classes",
            hint="if the server has opened another model since, make a new Client",
        )
    return pixels.astype(mask_dtype(classes))


def _address(url: str) -> str:
    try:
        parts = parse.urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not parts.path.isascii() or parts.query or parts.fragment:
        raise UserError(f"'{url}' is no address of a service", hint="write http://127.0.0.1:8000")
    return url.rstrip("/")


def _path(last: str, model: str | None) -> str:
    return f"models/{parse.quote(model, safe='')}/{last}" if model else last


def _stages(header: str) -> dict[str, float]:
    found = re.findall(r"([\w-]+)\s*;\s*dur=(\d+(?:\.\d+)?)\s*(?:[,;]|$)", header)
    return {name: float(took) for name, took in found}


def _wished(header: str | None) -> float:
    """The seconds that `Retry-After` says, as a number or as a date; 0 where it says none."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _problem(answer: _Answer, url: str) -> UserError:
    """What the server says is wrong; of something in between, at least the status."""
    try:
        plain = json.loads(answer.body)
        # Which picture it is about is known better here.
        detail = str(plain["detail"]).removeprefix("picture: ")
        return UserError(detail, hint=str(plain.get("hint", "")))
    except (ValueError, KeyError, TypeError):
        there = answer.headers.get("Location")
        hint = f"it sends on to {there}: give that address if it is the one" if there else NOT_OURS
        return UserError(f"{url} answered {answer.status}", hint=hint)
