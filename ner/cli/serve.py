"""`ner serve`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import Device, PrecisionOption, RulesOption, Runtime, Threads
from ner.extras import require
from ner.messages import tell

# Addresses that other machines cannot reach.
LOOPBACK = ("127.", "localhost", "::1")

LIMITS = "Limits"


def serve(
    *,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="Models, each a folder, an installed model or hf://org/name; NAME=MODEL names it. "
            "The first one is for requests that name none.",
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is for other machines, too.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes, each with the models.")
    ] = 1,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of keys, one a line. Requests must have one."),
    ] = None,
    rules: RulesOption = None,
    watch: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Look at the model folders and the rules this often, and load what was replaced. "
            "SIGHUP does so once.",
        ),
    ] = None,
    drain: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Accept requests this long after SIGTERM, while /readyz tells to send no more.",
        ),
    ] = 0.0,
    max_queue: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=LIMITS,
            help="Number of requests that wait for a model. Further ones get the status 429.",
        ),
    ] = 128,
    max_body: Annotated[
        int,
        typer.Option(min=1, rich_help_panel=LIMITS, help="Size of a request's body in bytes."),
    ] = 1 << 20,
    max_texts: Annotated[
        int, typer.Option(min=1, rich_help_panel=LIMITS, help="Number of texts in a request.")
    ] = 256,
    max_tokens: Annotated[
        int,
        typer.Option(
            min=1, rich_help_panel=LIMITS, help="Number of tokens in a request, times its nbest."
        ),
    ] = 100_000,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            rich_help_panel=LIMITS,
            help="Longest time until a request is answered.",
        ),
    ] = 30.0,
    runtime: Runtime = "auto",
    precision: PrecisionOption = "fp32",
    device: Device = "cpu",
    threads: Threads = None,
) -> None:
    """Answer requests over HTTP, and show a page for trying models."""
    for module in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        require(module, "ner serve", "serve")
    from functools import partial

    from ner.inference.loading import load
    from ner.service.models import name_models
    from ner.service.processes import Service, run_service, threads_of
    from ner.service.server import bind
    from ner.service.settings import Settings

    settings = replace(
        Settings(),
        max_queue=max_queue,
        max_body=max_body,
        max_texts=max_texts,
        max_tokens=max_tokens,
        timeout=timeout,
        drain_seconds=drain,
        watch_seconds=watch,
        api_key_file=api_key_file,
        rules=rules,
    )
    if api_key_file is None and not host.startswith(LOOPBACK):
        tell(f"Warning: everybody who reaches {host} may use this service. See --api-key-file.")
    sources = name_models(models)
    threads = threads if threads is not None else threads_of(workers)
    run = partial(load, runtime=runtime, precision=precision, device=device, threads=threads)
    with bind(host, port) as listener:
        code = run_service(Service(sources, run, settings), listener, workers)
    if code:
        raise typer.Exit(code)
