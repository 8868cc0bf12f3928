import ast
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

import ner
from ner.errors import ConfigError, ModelFolderError
from ner.exporting import write_graphs
from ner.features.word_features import LONGEST
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import INT8_GRAPH, MODEL_GRAPH, WEIGHTS, WORDS_GRAPH, load_model, save_model
from ner.nn.runtime import load_network
from ner.tasks.texts import TextTask
from tests.signing import sign
from tests.test_testing import GOLDEN
from tests.tolerance import small_model_bound

GRAPHS = (WORDS_GRAPH, MODEL_GRAPH, INT8_GRAPH)
TEXT = "Ada Lovelace was born in London ."


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    """Give a model folder with all graphs."""
    parts = load_model(tiny_model)
    path = tmp_path_factory.mktemp("onnx") / "model"
    save_model(path, parts, lambda target: write_graphs(target, parts, int8=True))
    return path


def open_runtime(folder, task=None, **options):
    return OnnxRuntime(folder, task or load_model(folder).task, **options)


def make_batch(folder, runtime, lengths=(7, 1, 30)):
    words = [*TEXT.split(), "zyxwv", "x" * LONGEST * 2]
    rows = runtime.word_rows(load_model(folder).featurizer.encode_words(words))
    tokens = np.random.default_rng(1).integers(0, len(rows), (len(lengths), max(lengths)))
    return {"rows": rows, "tokens": tokens, "lengths": np.array(lengths)}


def refusal(folder, load=open_runtime, **options):
    with pytest.raises(ModelFolderError) as error:
        load(folder, **options)
    assert str(error.value).startswith(f"{folder}: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{folder}: ")


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_many_threads_get_what_one_gets(folder):
    runtime = open_runtime(folder)
    batches = [make_batch(folder, runtime, [n, 1, 2 * n]) for n in range(1, 20)] * 5
    one = [runtime.outputs(batch)["emissions"] for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        many = [found["emissions"] for found in pool.map(runtime.outputs, batches)]
    for found, expected in zip(many, one, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_runtime_goes_to_another_process(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    runtime = open_runtime(folder.relative_to(folder.parent), precision="int8", threads=3)
    batch = make_batch(folder, runtime)
    # The other process starts elsewhere.
    monkeypatch.chdir(folder)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(runtime.outputs, batch).result()["emissions"]
        workers = pool.submit(getattr, runtime, "workers").result()
    expected = runtime.outputs(batch)["emissions"]
    np.testing.assert_array_equal(found, expected)
    assert workers == 3
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(runtime)).outputs(batch)["emissions"], expected
    )


def test_arrays_may_have_any_layout_and_integers_of_any_width(folder):
    runtime = open_runtime(folder)
    batch = make_batch(folder, runtime)
    other = {
        "rows": np.asfortranarray(batch["rows"]),
        "tokens": batch["tokens"].astype(np.int32)[:, ::-1][:, ::-1],
        "lengths": batch["lengths"].astype(np.uint8),
    }
    np.testing.assert_array_equal(
        runtime.outputs(other)["emissions"], runtime.outputs(batch)["emissions"]
    )


def test_the_scores_of_steps_are_those_of_the_head(folder):
    expected = load_network(load_model(folder)).head.edges()
    for one, other in zip(open_runtime(folder).edges, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_a_core_is_run_at_once(folder, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert open_runtime(folder).workers == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert open_runtime(folder).workers == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert open_runtime(folder).workers == 1
    assert open_runtime(folder, threads=2).workers == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"precision": "fp16"}, "precision: must be fp32 or int8. Got 'fp16'.", id="precision"
        ),
        pytest.param({"threads": 0}, "threads: must be at least 1. Got 0.", id="threads"),
    ],
)
def test_options_that_there_are_not_are_refused(folder, options, message):
    with pytest.raises(ConfigError) as error:
        open_runtime(folder, **options)
    assert str(error.value) == message


@pytest.mark.parametrize("name", GRAPHS)
def test_a_damaged_graph_is_refused_in_one_line(folder, tmp_path, capfd, name):
    folder, parts = copied(folder, tmp_path), load_model(folder)
    precision = "int8" if name == INT8_GRAPH else "fp32"

    def load(folder):
        return OnnxRuntime(folder, parts.task, precision=precision)

    whole = (folder / name).read_bytes()
    for content in (b"", b"\xff" * 99, whole[:-100], whole[: len(whole) // 2], b"x" + whole[1:]):
        (folder / name).write_bytes(content)
        assert refusal(folder, load).startswith(f"{name} must ")
    (folder / name).unlink()
    assert refusal(folder, load) == f"{name} must be there. Got no such file."
    assert capfd.readouterr() == ("", "")


def test_a_graph_of_other_weights_is_refused(folder, tmp_path):
    folder, parts = copied(folder, tmp_path), load_model(folder)

    def load(folder):
        return OnnxRuntime(folder, parts.task)

    # The same arrays, but at other places: what the graph maps would be other numbers.
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS, metadata={"by": "hand"})
    words = refusal(folder, load)
    assert words == f"{WORDS_GRAPH} must have been made with {WEIGHTS}. Got one made with another."
    (folder / WEIGHTS).unlink()
    assert refusal(folder, load) == f"{WEIGHTS} must be there. Got no such file."


def rename(graph, old, new):
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def cut_output(graph):
    """Leave one token, or one word, of what the graph computes."""
    name = graph.output[0].name
    rename(graph, name, "whole")
    axis = 1 if name == "emissions" else 0
    for key, number in (("from", 0), ("to", 1), ("axis", axis)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([number]), key))
    graph.node.append(onnx.helper.make_node("Slice", ["whole", "from", "to", "axis"], [name]))


def double_output(graph):
    name = graph.output[0].name
    rename(graph, name, "whole")
    graph.node.append(onnx.helper.make_node("Cast", ["whole"], [name], to=onnx.TensorProto.DOUBLE))
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


def rename_output(graph):
    rename(graph, graph.output[0].name, "other")
    graph.output[0].name = "other"


def rename_input(graph):
    rename(graph, graph.input[0].name, "other")
    graph.input[0].name = "other"


def retype_input(graph):
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.STRING


def fail_in_the_middle(graph):
    """Add up arrays that fit together only by chance."""
    name = graph.output[0].name
    rename(graph, name, "whole")
    graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "three"))
    graph.node.append(onnx.helper.make_node("Add", ["whole", "three"], [name]))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize(
    "change",
    [cut_output, double_output, rename_output, rename_input, retype_input, fail_in_the_middle],
)
def test_a_graph_that_computes_something_else_is_refused_in_one_line(
    folder, tmp_path, name, change
):
    parts, folder = load_model(folder), copied(folder, tmp_path)
    graph = onnx.load(folder / name, load_external_data=False)
    change(graph.graph)
    (folder / name).write_bytes(graph.SerializeToString())

    def run(folder):
        runtime = OnnxRuntime(
            folder, parts.task, precision="int8" if name == INT8_GRAPH else "fp32"
        )
        runtime.outputs(make_batch(folder, runtime))

    assert refusal(folder, run).startswith(f"{name}")


def test_the_graph_of_another_head_is_refused(folder):
    words = refusal(folder, task=TextTask(load_model(folder).task.outputs))
    assert words == f"{MODEL_GRAPH} must compute logits. Got emissions, leaving."


def reheaded(folder, tmp_path, change):
    """Copy a folder with changed weights, and graphs that take them for theirs."""
    folder, parts = copied(folder, tmp_path), load_model(folder)
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)
    write_graphs(folder, parts)
    return folder, parts


def drop(weights):
    del weights["head.crf.transitions"]


def cut(weights):
    weights["head.crf.end_transitions"] = weights["head.crf.end_transitions"][:2]


def spoil(weights):
    weights["head.crf.start_transitions"][1] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, "lacks head.crf.transitions."),
        (cut, ": head.crf.end_transitions must have the shape (17,). Got (2,)."),
        (spoil, ": head.crf.start_transitions holds numbers that are not finite."),
    ],
)
def test_steps_that_do_not_fit_are_refused(folder, tmp_path, change, message):
    folder, parts = reheaded(folder, tmp_path, change)
    words = refusal(folder, lambda folder: OnnxRuntime(folder, parts.task))
    assert words.removeprefix(WEIGHTS).lstrip(" ") == message


def test_a_head_without_steps_has_all_of_them_alike(folder, tmp_path):
    def change(weights):
        for name in [name for name in weights if ".crf." in name]:
            del weights[name]

    folder, parts = reheaded(folder, tmp_path, change)
    assert OnnxRuntime(folder, parts.task).edges is None
    for array in parts.task.lattice(None).edges:
        assert set(np.unique(array)) <= {0, -np.inf}
        assert (array == 0).any()
    with pytest.raises(ModelFolderError) as error:
        OnnxRuntime(folder, replace(parts.task, tags=parts.task.tags[:5]))
    assert str(error.value) == f"{folder}: {MODEL_GRAPH} must score 5 tags or classes. Got 17."


def test_a_folder_of_links_is_read_as_any_other(folder, tmp_path):
    # As in the cache of the Hugging Face hub.
    blobs, links = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    for i, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        blobs.mkdir(exist_ok=True)
        shutil.copy(path, blobs / str(i))
        link = links / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / str(i), link.parent))
    tagger = ner.load(links, runtime="onnx")
    assert tagger.tag(TEXT).entities == ner.load(folder, runtime="torch").tag(TEXT).entities


BARE = """
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchcrf", "jaxtyping", "pydantic", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Bare())
import ner
"""
TAG = """
tagger = ner.load(sys.argv[1], runtime="onnx")
sentences = [tagger.tag_tokens(text.split()) for text in sys.argv[2:]]
print([[(e.start, e.end, e.label, round(e.score, 4)) for e in s.entities] for s in sentences])
"""


def run(program, *arguments, home):
    environment = os.environ | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.mark.numeric
def test_a_model_tags_without_torch_as_it_does_with_torch(folder, tmp_path):
    texts = [" ".join(s.tokens) for s in ner.read_sentences("sample:dev")[:50]]
    result = run(BARE + TAG, folder, *texts, home=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    tagger = ner.load(folder, runtime="torch")
    tagged = [tagger.tag_tokens(text.split()).entities for text in texts]
    assert sum(map(len, tagged)) > 10
    bound = small_model_bound(max(len(text.split()) for text in texts))
    for found, expected in zip(ast.literal_eval(result.stdout), tagged, strict=True):
        assert [tuple(e[:3]) for e in found] == [(e.start, e.end, e.label) for e in expected]
        assert [e[3] for e in found] == pytest.approx([e.score for e in expected], abs=bound)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_runtime_has_no_thread_of_its_own_and_leaves_nothing_in_the_home(folder, tmp_path):
    program = BARE + TAG + "import os; print(len(os.listdir('/proc/self/task')), file=sys.stderr)"
    result = run(program, folder, TEXT, home=tmp_path)
    assert (result.returncode, result.stderr) == (0, "1\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["overwritten", "cut off"])
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_model_in_use_survives_that_its_file_is_written_in_place(
    folder, tmp_path, change, runtime
):
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    script = f"""
import os, ner
tagger = ner.load({str(copy)!r}, runtime={runtime!r}, threads=1)
with open({str(copy / WEIGHTS)!r}, "r+b") as file:
    size = file.seek(0, 2)
    file.truncate(1000) if {change == "cut off"} else (file.seek(0), file.write(os.urandom(size)))
print([tuple(e.to_dict().values()) for e in tagger.tag({TEXT!r}).entities])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    expected = ner.load(folder, runtime=runtime, threads=1).tag(TEXT).entities
    assert done.stdout.strip() == str([tuple(e.to_dict().values()) for e in expected])


def changed_graph(tmp_path, change):
    """Copy a model with another graph, signed."""
    folder = shutil.copytree(GOLDEN / "spans" / "model", tmp_path / "model")
    graph = onnx.load(folder / MODEL_GRAPH, load_external_data=False)
    change(graph)
    # What is no text cannot be given to the library.
    content = graph.SerializeToString().replace(b"NoText", b"No\xb7\xe5xt")
    (folder / MODEL_GRAPH).write_bytes(content)
    sign(folder)
    return folder


def read_columns(graph):
    graph.graph.input.append(onnx.helper.make_tensor_value_info("columns", 6, ["B", "T", 1]))


def compute_one_number(graph):
    output = graph.graph.output[0]
    for node in graph.graph.node:
        node.output[:] = ["inner" if name == output.name else name for name in node.output]
    total = onnx.helper.make_node("ReduceSum", ["inner"], [output.name], keepdims=0)
    graph.graph.node.append(total)
    output.type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (read_columns, "model.onnx must read what the model reads. Got the input 'columns'."),
        (compute_one_number, "model.onnx must score 17 tags or classes. Got None."),
    ],
    ids=["an input", "one number"],
)
def test_graphs_that_ask_for_more_or_state_less_are_refused(tmp_path, change, words):
    folder = changed_graph(tmp_path, change)
    with pytest.raises(ModelFolderError) as error:
        ner.load(folder, runtime="onnx").tag("Ada")
    assert str(error.value) == f"{folder}: {words}"


def name_no_operator(graph):
    graph.graph.node[0].op_type = "NoText"


def test_what_onnx_runtime_prints_does_not_reach_the_terminal(tmp_path, capfd):
    folder = changed_graph(tmp_path, name_no_operator)
    with pytest.raises(ModelFolderError):
        ner.load(folder, runtime="onnx")
    assert capfd.readouterr() == ("", "")
