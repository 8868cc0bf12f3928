"""The limits and the options of a service, each with its default."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What a service allows, so that no request can take all memory or all time.

    Args:
        max_queue: Requests that wait for a model at most. A further one is refused at once.
        max_body: Bytes of the body of a request at most.
        max_texts: Texts of a request at most.
        max_tokens: Tokens of a request at most; where several best taggings are asked for, tokens
            times taggings.
        batch_tokens: Tokens of a micro-batch: no further request joins it.
        timeout: Seconds until a request is answered, whatever it waits for.
        body_timeout: Seconds in which the headers of a request arrive, and then its body.
        max_buffered: Bytes of all bodies that are held at once, at most.
        inline_seconds: A request that comes alone, and is expected to take less than this, is
            answered without another thread.
        drain_seconds: Seconds after SIGTERM in which new requests are still accepted, while
            `/readyz` says that there should be no more.
        shutdown_seconds: Seconds that requests in flight have to finish after that.
        watch_seconds: Seconds between two looks at the folders of models; None for no looks.
        api_key_file: A file with a key on each line; None where no key is needed.
        rules: A file of words and patterns that all models obey which find entities; or None.
    """

    max_queue: int = 128
    max_body: int = 1 << 20
    max_texts: int = 256
    max_tokens: int = 100_000
    batch_tokens: int = 4096
    timeout: float = 30.0
    body_timeout: float = 10.0
    max_buffered: int = 64 << 20
    inline_seconds: float = 0.002
    drain_seconds: float = 0.0
    shutdown_seconds: float = 30.0
    watch_seconds: float | None = None
    api_key_file: Path | None = None
    rules: Path | None = None
