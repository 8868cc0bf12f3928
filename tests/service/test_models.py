"""Models of a service: their names, and how they are replaced while requests come."""

import asyncio
import logging
import shutil

import pytest

import ner
from ner.errors import ConfigError, ModelFolderError
from ner.service.app import reload
from ner.service.models import name_models
from ner.service.schemas import TagRequest
from tests.service.running import TEXT, make_service


@pytest.fixture
def folder(tiny_model, tmp_path):
    copy = tmp_path / "names"
    shutil.copytree(tiny_model, copy)
    return copy


def renamed(folder):
    """Replace a model by one with other labels."""
    new = folder.with_name("new")
    ner.rename(folder, {"PER": "HUMAN"}, new)
    shutil.rmtree(folder)
    new.rename(folder)


def answers(app, count, meanwhile):
    """Ask a service many times, and do something meanwhile; returns the answers."""

    async def call():
        model = app.state.models
        asked = [model["names"].answer(TagRequest(texts=[TEXT])) for _ in range(count)]
        tasks = [asyncio.ensure_future(each) for each in asked]
        await meanwhile()
        later = await model["names"].answer(TagRequest(texts=[TEXT]))
        return await asyncio.gather(*tasks), later

    return asyncio.run(call())


def test_a_replaced_model_is_loaded_without_a_lost_request(folder, caplog):
    app = make_service({"names": str(folder)})
    before = app.state.models["names"]
    renamed(folder)
    with caplog.at_level(logging.INFO, "ner"):
        found, later = answers(app, 20, lambda: reload(app))
    after = app.state.models["names"]
    assert "takes the place of" in caplog.text
    assert (before.digest != after.digest, after.digest) == (True, ner.load(folder).origin.digest)
    assert "HUMAN" in after.predictor.labels and "HUMAN" not in before.predictor.labels
    assert len(found) == 20 and all(len(each["results"]) == 1 for each in found)
    assert later["model"] == "names"
    text = app.state.metrics.text().decode()
    assert 'ner_reloads_total{model="names",result="done"} 1.0' in text


def test_a_broken_model_leaves_the_old_one_and_says_so(folder, caplog):
    app = make_service({"names": str(folder)})
    before = app.state.models["names"]
    (folder / "manifest.json").write_text("{}")
    with caplog.at_level(logging.INFO, "ner"):
        _, later = answers(app, 1, lambda: reload(app))
    assert app.state.models["names"] is before
    assert later["model"] == "names"
    assert "the new model cannot be used, and the old one stays" in caplog.text
    text = app.state.metrics.text().decode()
    assert 'ner_reloads_total{model="names",result="failed"} 1.0' in text


def test_what_was_tried_is_not_tried_again_by_a_watch(folder, caplog):
    app = make_service({"names": str(folder)})
    (folder / "manifest.json").write_text("{}")

    async def look():
        for _ in range(3):
            await app.state.models.reload(only_new=True)

    asyncio.run(look())
    assert caplog.text.count("cannot be used") == 1


def test_a_model_that_is_still_copied_is_left_until_it_is_whole(folder, caplog):
    app = make_service({"names": str(folder)})
    before = app.state.models["names"]
    new = folder.with_name("new")
    ner.rename(folder, {"PER": "HUMAN"}, new)
    # The manifest comes first, as when somebody copies file by file.
    files = sorted(
        (p for p in new.rglob("*") if p.is_file()), key=lambda p: p.name != "manifest.json"
    )

    async def copy():
        for file in files:
            assert app.state.models["names"] is before
            shutil.copyfile(file, folder / file.relative_to(new))
            await app.state.models.reload(only_new=True)
        await app.state.models.reload(only_new=True)

    with caplog.at_level(logging.INFO, "ner"):
        asyncio.run(copy())
    assert "HUMAN" in app.state.models["names"].predictor.labels
    assert "cannot be used" not in caplog.text


def test_an_unchanged_model_stays(folder):
    app = make_service({"names": str(folder)})
    before = app.state.models["names"]
    asyncio.run(reload(app))
    assert app.state.models["names"] is before


def test_a_model_that_cannot_be_read_ends_the_start(tmp_path):
    with pytest.raises(ModelFolderError):
        make_service({"x": str(tmp_path / "nothing")})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["en"], {"en": "en"}, id="installed"),
        pytest.param(["runs/a/model"], {"a": "runs/a/model"}, id="run"),
        pytest.param(["runs/a/best"], {"best": "runs/a/best"}, id="folder"),
        pytest.param(["x=runs/a/model"], {"x": "runs/a/model"}, id="own name"),
        pytest.param(["runs/c=1/model"], {"c=1": "runs/c=1/model"}, id="sign in a path"),
        pytest.param(["hf://org/x@v1"], {"x": "hf://org/x@v1"}, id="hub"),
    ],
)
def test_models_have_names(arguments, named):
    assert name_models(arguments) == named


def test_two_models_of_one_name_are_refused():
    with pytest.raises(ConfigError, match=r"Got 'model|Got 'a' twice. Name one: NAME=b/a"):
        name_models(["a", "b/a"])
