"""The image of the service: it names what there is, and gives no more rights than said."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

pytest.importorskip("fastapi")

from fastapi import FastAPI

from ner.cli.app import app as commands
from tests.service.page_server import running

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STEPS = [line.split(maxsplit=1) for line in LINES.splitlines() if line and line[0] not in "# "]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))


def step(name):
    (found,) = [rest for kind, rest in STEPS if kind == name]
    return found


def options():
    command = typer.main.get_command(commands).commands["serve"]
    return {option for parameter in command.params for option in parameter.opts}


def health_check():
    return json.loads(step("HEALTHCHECK").partition("CMD ")[2])


def test_what_is_copied_is_there_and_in_the_context():
    copied = [
        name
        for kind, rest in STEPS
        if kind == "COPY" and not rest.startswith("--from")
        for name in shlex.split(rest)[:-1]
    ]
    ignore = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(re.findall(r"^!(.+)$", ignore, re.MULTILINE)) == set(copied)


def test_the_image_runs_a_command_that_there_is_and_not_as_root():
    words = json.loads(step("ENTRYPOINT"))
    assert words[:2] == ["ner", "serve"]
    assert {word for word in words if word.startswith("--")} <= options()
    assert int(step("USER").split(":")[0]) > 0
    assert f"127.0.0.1:{step('EXPOSE')}/readyz" in health_check()[-1]


@pytest.mark.parametrize(
    ("path", "code"), [pytest.param("/readyz", 0, id="ready"), pytest.param("/livez", 1, id="not")]
)
def test_the_health_check_tells_whether_the_service_is_ready(path, code):
    service = FastAPI()
    service.get(path)(lambda: {})
    with running(service) as address:
        program = health_check()[-1].replace("http://127.0.0.1:8000/", address)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == code


def test_the_example_of_compose_gives_no_rights():
    service = COMPOSE["services"]["ner"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert {word for word in service["command"] if word.startswith("--")} <= options()
    assert (
        ROOT / "docker" / service["build"]["context"] / service["build"]["dockerfile"]
    ).is_file()
