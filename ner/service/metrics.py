"""Numbers of the service for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import multiprocess as summed

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
JOBS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts requests, texts, tokens, batches and reloads.

    Args:
        folder: The folder in which several processes keep their numbers, which are then summed;
            None for a single process.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "ner_requests", "Answered requests.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "ner_request_seconds",
            "Time from a request's first line to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self._texts = Counter("ner_texts", "Texts of requests.", ["model"], registry=registry)
        self._tokens = Counter("ner_tokens", "Tokens computed.", ["model"], registry=registry)
        self._batches = Histogram(
            "ner_batch_requests",
            "Requests that are computed together.",
            ["model"],
            buckets=JOBS,
            registry=registry,
        )
        self._reloads = Counter(
            "ner_reloads", "Models that were replaced.", ["model", "result"], registry=registry
        )
        self._in_flight = Gauge(
            "ner_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def begin_request(self) -> None:
        """Count a request that has come."""
        self._in_flight.inc()

    def end_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._in_flight.dec()
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_texts(self, model: str, texts: int) -> None:
        """Count the texts of a request."""
        self._texts.labels(model).inc(texts)

    def count_batch(self, model: str, requests: int, tokens: int) -> None:
        """Count a micro-batch."""
        self._batches.labels(model).observe(requests)
        self._tokens.labels(model).inc(tokens)

    def count_reload(self, model: str, result: str) -> None:
        """Count a model that was replaced, or could not be."""
        self._reloads.labels(model, result).inc()

    def text(self) -> bytes:
        """Return all numbers as Prometheus reads them."""
        if self._folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        summed.MultiProcessCollector(registry, self._folder)
        return generate_latest(registry)
