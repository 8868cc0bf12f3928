"""What holds for the package as a whole; each test finds by itself what it has to look at."""

import ast
import doctest
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import ner
from ner.config import Section
from ner.config.loading import Config, load_config
from ner.errors import MissingExtraError, NerError
from ner.inference.loading import PREDICTORS
from ner.tasks import TASKS
from tests.collected_names import names_of

ROOT = Path(__file__).parents[1]
# The compiled kernel is a library of its own, no module.
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(ner.__path__, "ner.") if m.name != "ner.crf._kernel"
)
HEAVY = ("torch", "pydantic", "datasets", "seqeval", "sklearn", "matplotlib")
WITHOUT_TORCH = [
    "ner",
    *(
        m
        for m in MODULES
        if m.startswith(
            ("ner.data", "ner.rules", "ner.features", "ner.crf", "ner.evaluation", "ner.tasks")
        )
    ),
    *("ner.errors", "ner.files", "ner.model_folder", "ner.plots", "ner.inference.tagger"),
    *("ner.data.attention_view", "ner.inference.classifier", "ner.inference.token_tagger"),
    *("ner.cli.app", "ner.config.loading"),
]
# Nothing beyond the base installation can be imported, as on a fresh machine.
BARE = """
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Bare())
"""
# Not pydantic, which newer versions of typer bring.
EXTRA = (
    "torch",
    "torchcrf",
    "datasets",
    "seqeval",
    "sklearn",
    "jaxtyping",
    "matplotlib",
    "tensorboard",
    "sentencex",
)


def python(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True
    )


def bare_ner(*arguments):
    program = BARE.format(blocked=EXTRA) + "from ner.cli import main; main(sys.argv[1:])"
    return python(program, *arguments)


def test_strings_spans_and_files_need_no_torch():
    program = "import importlib, sys\n"
    program += f"for name in {WITHOUT_TORCH!r}: importlib.import_module(name)\n"
    program += "assert 'torch' not in sys.modules, 'torch was imported'"
    result = python(program)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_package_and_its_help_import_nothing_heavy():
    program = f"import sys, ner\nloaded = set({HEAVY!r}) & set(sys.modules); assert not loaded\n"
    program += "from ner.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    program += f"loaded = set({(*HEAVY, 'numpy')!r}) & set(sys.modules); assert not loaded, loaded"
    result = python(program)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_model_that_predicts_imports_no_reports():
    program = "import sys, ner; ner.load('en').tag('Ada Lovelace met him in London.')\n"
    program += "loaded = {name for name in sys.modules if name.startswith('ner.evaluation.')}\n"
    program += "assert loaded == {'ner.evaluation.calibration'}, loaded"
    result = python(program)
    assert (result.returncode, result.stderr) == (0, "")


def test_garbage_is_looked_for_as_before_once_a_name_is_imported():
    program = "import gc, ner\nner.Tagger; assert gc.isenabled()\n"
    program += "gc.disable(); ner.TextClassifier; assert not gc.isenabled()"
    result = python(program)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ner.__all__)
def test_every_public_name_exists_and_has_a_docstring(name):
    thing = getattr(ner, name)
    assert inspect.getdoc(thing)
    assert name in dir(ner)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'ner' has no attribute 'trian'"):
        ner.trian  # noqa: B018


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    # Importing ner.x puts the module into `ner`, whatever stood there under the name.
    modules = {path.stem for path in (ROOT / "ner").iterdir()}
    assert modules.intersection(ner.__all__) == {"nn"}


def test_public_names_are_in_order_and_typed():
    assert ner.__all__ == sorted(ner.__all__, key=lambda name: (name[0].islower(), name))
    source = (ROOT / "ner" / "__init__.py").read_text(encoding="utf-8")
    checked = source.partition("if TYPE_CHECKING:")[2].partition("\n\n")[0]
    assert all(name in checked for name in ner.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    failed, _ = doctest.testmod(module)
    assert failed == 0


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.name)
def test_every_configuration_loads_and_begins_with_its_command(path):
    load_config(path).resolved()
    comment = path.read_text(encoding="utf-8").partition("\n\n")[0]
    assert f"ner train configs/{path.name}" in comment


def described():
    """List each section and each setting of a configuration with its help."""
    for name, value in Config():
        if not isinstance(value, Section):
            yield pytest.param(Config.model_fields[name].description, id=name)
            continue
        yield pytest.param(value.__doc__, id=name)
        for key, field in type(value).model_fields.items():
            yield pytest.param(field.description, id=f"{name}.{key}")


@pytest.mark.parametrize("docstring", list(described()))
def test_every_section_and_setting_is_explained_in_full_sentences(docstring):
    assert docstring
    assert len(docstring.split()) > 4
    assert docstring[0].isupper()
    assert docstring.rstrip().endswith(".")


def scripts(*marks):
    """Find the scripts with one of some marks in their code, by their paths from the root."""
    paths = sorted((ROOT / "scripts").glob("**/*.py"))
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return [name for name, text in texts.items() if any(mark in text for mark in marks)]


@pytest.mark.parametrize("name", scripts("import argparse", "from ner.cli import main"))
def test_every_script_with_options_has_help(name):
    command = [sys.executable, name, "--help"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stderr) == (0, "")
    assert "sage: " in result.stdout


@pytest.mark.parametrize("name", scripts('if __name__ == "__main__":'))
def test_every_script_begins_with_its_purpose_and_its_command(name):
    docstring = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8")))
    purpose, empty, command, *_ = docstring.splitlines()
    assert purpose.endswith(".") and not empty
    assert command.startswith(f"python {name}")


def test_every_mistake_of_a_user_has_one_base():
    classes = [thing for thing in vars(ner.errors).values() if inspect.isclass(thing)]
    errors = [e for e in classes if e.__module__ == "ner.errors" and e is not NerError]
    assert all(issubclass(e, NerError) and e.__name__ in ner.__all__ for e in errors)


# What a test's name may hold between its brackets: ordinary characters, and no path from the root.
NAME = re.compile(
    r"(?!.*(?<![\w.])/\w)(?!.*0x[0-9a-f]{4})[A-Za-z0-9][\w .,:;=+*/@#&%?!()'-]{0,79}", re.ASCII
)
# Collects all tests with another clock than that of the tests that run already.
COLLECT = """
import json, sys, time
import pytest
from tests.collected_names import names_of

class Names:
    def pytest_collection_finish(self, session):
        self.found = names_of(session)

now, names = time.time, Names()
time.time = lambda: now() + 10**6
code = pytest.main(["-n0", "--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[names])
print("\\n" + json.dumps(names.found))
sys.exit(code)
"""


def test_tests_have_the_same_plain_names_at_any_time(request):
    # Options from outside, such as those of coverage, belong to the tests that run already.
    environment = os.environ | {"PYTHONHASHSEED": "2", "PYTEST_ADDOPTS": ""}
    run = subprocess.run(
        [sys.executable, "-c", COLLECT],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.returncode == 0
    found = json.loads(run.stdout.splitlines()[-1])
    here = names_of(request.session)
    assert here == {name: found.get(name, "missing") for name in here}
    for name, spec in found.items():
        if spec:
            case, arguments = spec
            assert NAME.fullmatch(case), name
            # That is what pytest calls an object that has no name of its own.
            objects = {f"{argument}{i}" for argument in arguments for i in range(1000)}
            assert not objects.intersection(case.split("-")), name


TASK_CLASSES = {task.__name__ for task in TASKS.values()}
PREDICTOR_CLASSES = {home.partition(":")[2] for home in PREDICTORS.values()}


def names_in(node):
    """Name the variables, attributes and classes in an expression."""
    nodes = list(ast.walk(node))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {
        n.attr for n in nodes if isinstance(n, ast.Attribute)
    }


def is_task_name(node):
    return isinstance(node, ast.Constant) and node.value in TASKS


def holds_task_name(node):
    """Whether an expression is a task's name: a string, `x.task`, `task.name`, or some of them."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(holds_task_name, node.elts))
    if isinstance(node, ast.Attribute):
        of_task = node.attr == "name" and "task" in names_in(node.value)
        return node.attr == "task" or of_task
    return is_task_name(node)


def is_branch_on_task(node):
    """Whether a node of a syntax tree chooses by the kind of task."""
    kinds = TASK_CLASSES | PREDICTOR_CLASSES
    match node:
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
            return bool(names_in(classes) & kinds)
        case ast.Compare(left=left, comparators=[*others]):
            compared = [left, *others]
            return any(holds_task_name(n) or names_in(n) & kinds for n in compared)
        case ast.MatchClass(cls=matched):
            return bool(names_in(matched) & kinds)
        case ast.MatchValue(value=value):
            return is_task_name(value)
        case ast.Match(subject=subject):
            return holds_task_name(subject)
        case ast.Dict(keys=[_, _, *_] as keys):
            return all(map(is_task_name, keys))
        case ast.Tuple(elts=[_, _, *_] as values):
            return all(map(is_task_name, values))
    return False


def branches_on_task(source):
    """List the lines that choose by the kind of task; types of settings may name all of them."""
    tree = ast.parse(source)
    literals = {
        id(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and "Literal" in names_in(node.value)
    }
    found = [n for n in ast.walk(tree) if id(n) not in literals and is_branch_on_task(n)]
    return [ast.unparse(node).partition("\n")[0] for node in found]


def test_tasks_speak_for_themselves():
    # Forecasting has tasks of its own.
    apart = (ROOT / "ner" / "tasks", ROOT / "ner" / "forecasting")
    branches = {
        str(path.relative_to(ROOT)): found
        for path in sorted(ROOT.glob("ner/**/*.py"))
        if not any(path.is_relative_to(folder) for folder in apart)
        and (found := branches_on_task(path.read_text(encoding="utf-8")))
    }
    assert not branches


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(task, SpanTask)",
        "isinstance(model.task, (tasks.TextTask, TokenTask))",
        "isinstance(model, TextClassifier)",
        "type(task) is SpanTask",
        "type(task) in (SpanTask, TextTask)",
        "config.task == 'ner'",
        "kind in ('ner', 'tag')",
        "'classify' != kind",
        "config.task != start.task.name",
        "task.name == kind",
        "match task:\n case SpanTask(): pass",
        "match kind:\n case 'tag': pass",
        "match config.task:\n case _: pass",
        "{'ner': 1, 'tag': 2, 'classify': 3}[kind]",
        "NEEDED = {'head.scheme': ('ner', 'tag')}",
    ],
    ids=range(15),
)
def test_a_branch_on_the_task_is_found(source):
    assert branches_on_task(source)


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(model, Predictor)",
        "task.is_per_token",
        "TASKS[config.task].from_settings(settings)",
        "name not in TASKS",
        "task: Literal['ner', 'tag', 'classify'] = 'ner'",
        "read('ner', kind == 'tags')",
    ],
    ids=range(6),
)
def test_asking_a_task_is_no_branch(source):
    assert not branches_on_task(source)


def test_the_tasks_of_a_configuration_are_those_that_there_are():
    assert get_args(Config.model_fields["task"].annotation) == tuple(TASKS)


def test_no_module_hides_a_public_function():
    modules = {name.removeprefix("ner.") for name in MODULES}
    assert modules.intersection(ner.__all__) == {"nn"}


def test_files_are_short():
    long = {
        path.name: count
        for path in [*ROOT.glob("ner/**/*.py"), *ROOT.glob("scripts/**/*.py")]
        if (count := len(path.read_text(encoding="utf-8").splitlines())) >= 500
    }
    assert not long


@pytest.mark.parametrize(
    ("arguments", "need"),
    [
        pytest.param(
            ["train", "--train", "sample:train"],
            "Training needs torch: pip install 'lattice-ner[train]'",
            id="train",
        ),
        pytest.param(
            ["tag", "Ada", "--model", "MODEL", "--runtime", "torch"],
            "Running a model on torch needs torch: pip install 'lattice-ner[train]'",
            id="tag",
        ),
        pytest.param(
            ["eval", "MODEL", "sample:test"],
            "Evaluation needs seqeval: pip install 'lattice-ner[eval]'",
            id="eval",
        ),
        pytest.param(
            ["data", "stats", "sample:test", "--plot", "lengths.png"],
            "Drawing pictures needs matplotlib: pip install 'lattice-ner[plots]'",
            id="plots",
        ),
        pytest.param(
            ["data", "check", "hub:somebody/names"],
            "A data set of Hugging Face needs datasets: pip install 'lattice-ner[datasets]'",
            id="datasets",
        ),
    ],
)
def test_a_missing_extra_says_what_to_install(tiny_model, arguments, need):
    result = bare_ner(*(str(tiny_model) if a == "MODEL" else a for a in arguments))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"{need}\n"


def test_the_base_installation_can_read_a_model(tiny_model):
    result = bare_ner("info", tiny_model)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        pytest.param("spacy", "spacy", "spacy", id="spaCy"),
        pytest.param("presidio", "presidio_analyzer", "presidio", id="Presidio"),
        pytest.param("sklearn", "sklearn", "train", id="scikit-learn"),
        pytest.param("arrow", "pyarrow", "bulk", id="Arrow"),
        pytest.param("ray", "ray", "ray", id="Ray"),
    ],
)
def test_a_plug_whose_library_is_missing_says_what_to_install(module, package, extra):
    program = BARE.format(blocked=(package,))
    program += f"import ner\ntry: import ner.{module}\nexcept ner.MissingExtraError as error:"
    result = python(f"{program} print(error)")
    expected = f"ner.{module} needs {package}: pip install 'lattice-ner[{extra}]'\n"
    assert (result.stdout, result.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("name", "need"),
    [
        pytest.param("train", "torch: pip install 'lattice-ner[train]'", id="train"),
        pytest.param("nn", "torch: pip install 'lattice-ner[train]'", id="nn"),
        pytest.param("evaluate", "seqeval: pip install 'lattice-ner[eval]'", id="evaluate"),
    ],
)
def test_a_public_name_whose_extra_is_missing_says_so(name, need):
    program = BARE.format(blocked=EXTRA) + f"import ner\ntry: ner.{name}\n"
    result = python(program + "except ner.MissingExtraError as error: print(error)")
    assert result.stdout.endswith(f"needs {need}\n")


# Where texts become harmless before they are written: all other modules call these.
PRINTERS = (
    *("ner/messages.py", "ner/cli/printing.py", "ner/data/formats/write.py"),
    # Streams are set up and closed here, and bars are drawn, which hold numbers alone.
    *("ner/cli/standard_streams.py", "ner/cli/outputs.py", "ner/training/progress.py"),
    "ner/cli/__init__.py",
)
PRINTING = re.compile(r"(?<!>>> )\bprint\(|\bs?echo\(|std(?:out|err)\.(?:write|buffer)|Console\(")


def test_few_modules_print():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ner").rglob("*.py")
        if PRINTING.search(path.read_text(encoding="utf-8"))
    }
    assert found <= set(PRINTERS)


def test_every_missing_package_has_an_extra_that_installs_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    calls = [
        [part.value for part in call.args if isinstance(part, ast.Constant)]
        for path in ROOT.glob("ner/**/*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "require"
    ]
    assert calls
    assert {extra for _, _, extra in (call for call in calls if len(call) == 3)} <= set(extras)


def test_training_works_without_packages_for_pictures(tmp_path):
    program = BARE.format(blocked=("matplotlib", "tensorboard", "datasets", "pyarrow"))
    program += "from ner.cli import main; main(sys.argv[1:])"
    result = python(
        program,
        *("train", "--train", "sample:dev", "--dev", "sample:dev", "--out", tmp_path / "run"),
        *("--epochs", "1", "--set", "training.threads=1"),
    )
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "run" / "learning-curve.png").exists()
    assert not (tmp_path / "run" / "tensorboard").exists()
    assert (tmp_path / "run" / "metrics.jsonl").exists()
