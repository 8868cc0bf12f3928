"""Runs a service until it is told to end."""

from fastapi import FastAPI

from ner.extras import require
from ner.service.settings import Settings


def serve(app: FastAPI, settings: Settings, host: str, port: int) -> None:
    """Answer requests until a signal ends it."""
    uvicorn = require("uvicorn", "ner serve", extra="serve")
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)
