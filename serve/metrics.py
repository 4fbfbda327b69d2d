"""What Prometheus reads at GET /metrics; every label has few values, whatever clients send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import metadata

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import Scope

from serve.record import OTHER, Record, route

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ABOUT = ("name", "runtime", "classes", "factor", "sight")
PICTURES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The numbers of one app; a registry of its own lets several live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        asked = ("route", "method", "status", "model")
        self.requests = self._counter("requests", "Requests that were answered.", *asked)
        self.received = self._counter("received_bytes", "Bytes of request bodies.")
        self.sent = self._counter("sent_bytes", "Bytes of answers' bodies.")
        self.pixels = self._counter("pixels", "Pixels that were segmented.", "model")
        self.in_flight = Gauge(
            "softres_in_flight", "Requests being answered.", registry=self.registry
        )
        self.seconds = self._histogram("request_seconds", "From head to last byte.", "route")
        self.stages = self._histogram("stage_seconds", "Each stage of a mask.", "stage", "model")
        self.batches = Histogram(
            "softres_batch_pictures",
            "Pictures that ran through the network together.",
            ("model",),
            buckets=PICTURES,
            registry=self.registry,
        )
        self.models = Gauge(
            "softres_model_info", "1: is served.", ("model", *ABOUT[1:]), registry=self.registry
        )
        self._told: Callable[[], Iterable[Mapping[str, object]]] = tuple
        build = Gauge("softres_build_info", "1: runs.", ("version",), registry=self.registry)
        build.labels(metadata.version("softres")).set(1)

    def watch_queue(self, depth: Callable[[], float]) -> None:
        """Ask `depth` how many pictures wait whenever somebody looks."""
        gauge = Gauge("softres_queue_depth", "Pictures that wait.", registry=self.registry)
        gauge.set_function(depth)

    def watch_models(self, told: Callable[[], Iterable[Mapping[str, object]]]) -> None:
        """Ask `told` what is served whenever somebody looks."""
        self._told = told

    def count(self, scope: Scope, record: Record, took: float) -> None:
        """Add a request that was answered in `took` milliseconds."""
        where, method = route(scope), scope["method"]
        kind = method if method in METHODS else OTHER
        self.requests.labels(where, kind, str(record.status), record.model).inc()
        self.seconds.labels(where).observe(took / 1000)
        self.received.inc(record.bytes_in)
        self.sent.inc(record.bytes_out)
        if record.pixels:
            self.pixels.labels(record.model).inc(record.pixels)
        for stage, part in record.milliseconds.items():
            self.stages.labels(stage, record.model).observe(part / 1000)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        self.models.clear()
        for model in self._told():
            self.models.labels(*(str(model[name]) for name in ABOUT)).set(1)
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"softres_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(
            f"softres_{name}", meaning, labels, buckets=SECONDS, registry=self.registry
        )
