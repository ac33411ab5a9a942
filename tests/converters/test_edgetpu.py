"""What the Edge TPU takes, and what its compiler says; a stand-in writes logs like those of the real one."""

import json
import os
import stat
import struct
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.edgetpu import COMPILED, CompilerRow, compile_model, parse_log
from converters.edgetpu_rules import map_operators, refusal
from converters.graph import Graph
from edge.contract.bundle import MODEL, read_bundle
from edge.errors import BundleError, UsageError

ROOT = Path(__file__).parents[2]
SHIPPED = min(path.parent for path in (ROOT / "models").glob("*/SHA256SUMS"))
TYPES = {"int8": schema.TensorType.INT8, "uint8": schema.TensorType.UINT8, "int32": schema.TensorType.INT32,
         "float32": schema.TensorType.FLOAT32}  # fmt: skip

LOG = """\
Edge TPU Compiler version 16.0.384591198
Input: model.tflite
Output: model_edgetpu.tflite

Operator                       Count      Status

CONV_2D                        12         Mapped to Edge TPU
ADD                            4          Mapped to Edge TPU
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to some unspecified limitation
"""  # noqa: E501

FAKE = """\
#!/bin/sh
# edgetpu_compiler -s -o FOLDER MODEL
folder=$3
{lines}
"""


def graph_of(name: str, tensors: list[tuple], inputs: list[int], outputs: list[int], version=1, **options) -> Graph:
    """A model of one operator. `tensors` are (type, shape) or (type, shape, content)."""
    content, body = schema.ModelT(), schema.SubGraphT()
    content.version, content.description = 3, b"test"
    content.buffers = [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    content.operatorCodes = [code]
    body.tensors = []
    for number, (kind, shape, *fixed) in enumerate(tensors):
        tensor = schema.TensorT()
        tensor.type, tensor.shape, tensor.name = TYPES[kind], [max(size, 1) for size in shape], f"t{number}".encode()
        if min(shape, default=1) < 0:
            tensor.shapeSignature = list(shape)
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
        if fixed:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(fixed[0], kind).tobytes(), np.uint8)
            content.buffers.append(buffer)
            tensor.buffer = len(content.buffers) - 1
        body.tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, outputs
    kind = "".join(part.capitalize() for part in name.split("_")) + "Options"
    if options:
        kind = options.pop("kind", kind)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = getattr(schema, kind + "T")()
        for key, value in options.items():
            setattr(operator.builtinOptions, key, value)
    body.operators, body.inputs, body.outputs = [operator], inputs[:1], outputs
    content.subgraphs = [body]
    builder = schema.flatbuffers.Builder(1024)
    builder.Finish(content.Pack(builder), b"TFL3")
    return Graph(bytes(builder.Output()))


IMAGE, WEIGHTS, BIAS = ("int8", (1, 8, 8, 4)), ("int8", (4, 3, 3, 4), np.zeros(144)), ("int32", (4,), np.zeros(4))
AXES = {name: ("int32", (2,), axes) for name, axes in (("xy", [1, 2]), ("batch", [0, 1]), ("z", [2, 3]))}
POOL = {"kind": "Pool2DOptions", "filterWidth": 2, "filterHeight": 2}


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (("ADD", [IMAGE, IMAGE, IMAGE], [0, 1], [2]), ""),
        (("CONV_2D", [IMAGE, WEIGHTS, BIAS, IMAGE], [0, 1, 2], [3]), ""),
        (("EXP", [IMAGE, IMAGE], [0], [1]), "is not supported"),
        (("TOPK_V2", [IMAGE, IMAGE], [0], [1]), "is not supported"),
        (("ADD", [IMAGE, ("float32", (1, 8, 8, 4)), IMAGE], [0, 1], [2]), "has a tensor of float32"),
        (("ADD", [("int8", (1, -1, 8, 4)), IMAGE, IMAGE], [0, 1], [2]), "has a shape that is not fixed"),
        (("ADD", [("int8", (2, 8, 8, 4)), IMAGE, IMAGE], [0, 1], [2]), "has more than three dimensions in use"),
        (("MEAN", [IMAGE, AXES["xy"], IMAGE], [0, 1], [2]), ""),
        (("MEAN", [IMAGE, AXES["batch"], IMAGE], [0, 1], [2]), "reduces the batch"),
        (("MEAN", [IMAGE, AXES["z"], IMAGE], [0, 1], [2]), ""),
        (("MEAN", [("int8", (1, 8, 8, 5)), AXES["z"], IMAGE], [0, 1], [2]), "no multiple of 4"),
        (("PAD", [IMAGE, ("int32", (4, 2), [0, 0, 1, 1, 1, 1, 0, 0]), IMAGE], [0, 1], [2]), ""),
        (("PAD", [IMAGE, ("int32", (4, 2), [1, 0, 1, 1, 1, 1, 0, 0]), IMAGE], [0, 1], [2]), "pads the batch"),
        (("SOFTMAX", [("int8", (1, 10)), ("int8", (1, 10))], [0], [1]), ""),
        (("SOFTMAX", [IMAGE, IMAGE], [0], [1]), "works on more than one dimension"),
        (("SOFTMAX", [("int8", (1, 20_000)), ("int8", (1, 20_000))], [0], [1]), "more than 16000"),
        (("PRELU", [IMAGE, ("int8", (1, 1, 4), np.zeros(4)), IMAGE], [0, 1], [2]), ""),
        (("PRELU", [IMAGE, ("int8", (8, 8, 4), np.zeros(256)), IMAGE], [0, 1], [2]), "slopes by place"),
        (("CONCATENATION", [IMAGE, ("int8", (1, 8, 8, 4), np.zeros(256)), IMAGE], [0, 1], [2]), ""),
        (("CONCATENATION", [IMAGE, ("int8", (1, 8, 8, 4), np.ones(256)), IMAGE], [0, 1], [2]), "no zero padding"),
        (("STRIDED_SLICE", [IMAGE, *[("int32", (4,), [1] * 4)] * 3, IMAGE], [0, 1, 2, 3], [4]), ""),
        (("STRIDED_SLICE", [IMAGE, *[("int32", (4,), [2] * 4)] * 3, IMAGE], [0, 1, 2, 3], [4]), "steps other than 1"),
        (("FULLY_CONNECTED", [IMAGE, ("int8", (4, 4), np.zeros(16)), IMAGE], [0, 1], [2]), "more than one dimension"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)  # fmt: skip
def test_the_conditions_of_the_published_table(graph, why):
    found = graph_of(*graph)
    (operator,) = found.operators()
    reason = refusal(found, operator)
    assert reason.startswith(why) if why and not why.startswith(("no ", "more", "slopes", "steps")) else why in reason
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("MAX_POOL_2D", {**POOL, "fusedActivationFunction": 0}, ""),
        ("MAX_POOL_2D", {**POOL, "fusedActivationFunction": 1}, "has a fused activation"),
        ("CONV_2D", {"kind": "Conv2DOptions", "dilationWFactor": 2, "dilationHFactor": 2}, ""),
        ("CONV_2D", {"kind": "Conv2DOptions", "dilationWFactor": 2, "dilationHFactor": 1}, "is dilated otherwise"),
    ],
)
def test_options_of_an_operator_count(name, options, why):
    graph = graph_of(name, [IMAGE, WEIGHTS, BIAS, IMAGE], [0, 1, 2] if name == "CONV_2D" else [0], [3], **options)
    (operator,) = graph.operators()
    assert refusal(graph, operator).startswith(why)
    assert bool(refusal(graph, operator)) == bool(why)


def test_a_version_that_the_compiler_is_too_old_for_is_said():
    graph = graph_of("CONV_2D", [IMAGE, WEIGHTS, BIAS, IMAGE], [0, 1, 2], [3], version=6)
    (operator,) = graph.operators()
    assert refusal(graph, operator) == "version 6 is newer than the compiler, which knows 5"


def test_all_of_the_shipped_model_maps_and_each_operator_is_counted():
    graph = Graph((SHIPPED / MODEL).read_bytes())
    found = map_operators(graph)
    assert {row.reason for row in found} == {""}
    assert sum(row.count for row in found) == len(list(graph.operators()))
    assert {row.operator for row in found} >= {"CONV_2D", "QUANTIZE"}


def test_what_comes_after_the_first_that_does_not_map_runs_on_the_cpu():
    graph = Graph((SHIPPED / MODEL).read_bytes())
    codes = graph.content.operatorCodes
    codes.append(schema.OperatorCodeT())
    codes[-1].builtinCode = codes[-1].deprecatedBuiltinCode = schema.BuiltinOperator.EXP
    codes[-1].version = 1
    graph.body.operators[5].opcodeIndex = len(codes) - 1
    found = map_operators(Graph(graph.pack()))
    assert sum(row.count for row in found if not row.reason) == 5
    assert [row.count for row in found if row.reason == "is not supported"] == [1]
    rest = [row for row in found if row.reason.startswith("comes after EXP")]
    assert sum(row.count for row in rest) == len(graph.body.operators) - 6


@pytest.mark.parametrize("model", [b"", b"garbage" * 10, struct.pack("<I4s", 8, b"TFL3") + bytes(40)])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(BundleError, match="TensorFlow Lite model"):
        Graph(model)


def test_the_compilers_table_is_read():
    assert parse_log(LOG) == (
        CompilerRow("CONV_2D", 12, "Mapped to Edge TPU"),
        CompilerRow("ADD", 4, "Mapped to Edge TPU"),
        CompilerRow(
            "QUANTIZE", 1, "Operation is otherwise supported, but not mapped due to some unspecified limitation"
        ),
    )


@pytest.mark.parametrize("text", ["", "garbage\n", "Operator Count Status\n", "Operator Count Status\nCONV_2D many\n"])
def test_a_log_without_its_table_is_said(text):
    with pytest.raises(UsageError, match="without its table"):
        parse_log(text)


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Puts a script in the compiler's place on PATH."""

    def install(*lines: str, log: str = LOG) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "log").write_text(log)
        (folder / "model").write_bytes((SHIPPED / MODEL).read_bytes())
        script = folder / "edgetpu_compiler"
        script.write_text(FAKE.format(lines="\n".join(lines).replace("HERE", str(folder))))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")

    return install


GOOD = ('cp HERE/log "$folder/model_edgetpu.log"', 'cp HERE/model "$folder/model_edgetpu.tflite"')


def test_the_compiled_model_lies_beside_the_other_in_a_sealed_bundle(compiler, okng, tmp_path):
    compiler(*GOOD)
    done = okng("edgetpu", SHIPPED, "--out", tmp_path / "coral", "--json")
    assert done.status == 1, "one operator is left to the CPU"
    assert [row["count"] for row in done.json["compiler"]] == [12, 4, 1]
    made, given = read_bundle(tmp_path / "coral"), read_bundle(SHIPPED)
    assert (made.model, made.card) == (given.model, given.card)
    assert made.digest != given.digest
    assert (tmp_path / "coral" / COMPILED).read_bytes() == given.model, "the stand-in only copies"


def test_the_compiler_has_the_last_word(compiler, okng):
    compiler(*GOOD, log=LOG.replace("Operation is otherwise supported, but not mapped due", "Mapped to Edge TPU\n"))
    done = okng("edgetpu", SHIPPED)
    assert done.status == 0
    assert "edgetpu_compiler says:" in done.out
    assert "CONV_2D                   12  Mapped to Edge TPU" in done.out


@pytest.mark.parametrize(
    ("lines", "log", "why"),
    [
        (("echo 'ERROR: Encountered unresolved custom op: Atan.'; echo 'Compilation failed!'; exit 1",), LOG,
         "edgetpu_compiler ended with 1: ERROR: Encountered unresolved custom op: Atan."),
        (("kill -11 $$",), LOG, "edgetpu_compiler ended with -11: it said nothing"),
        (("echo 'Compilation failed!'",), LOG, "edgetpu_compiler left no model_edgetpu.log: Compilation failed!"),
        ((GOOD[0],), LOG, "edgetpu_compiler left no model_edgetpu.tflite"),
        (GOOD, "\x00\xff garbage", "edgetpu_compiler wrote a log without its table"),
        ((GOOD[0], 'echo garbage > "$folder/model_edgetpu.tflite"'), LOG, "edgetpu_compiler made no model"),
    ],
    ids=["error", "crash", "silent", "no model", "garbage log", "garbage model"],
)  # fmt: skip
def test_a_compiler_that_fails_leaves_nothing(compiler, okng, tmp_path, lines, log, why):
    compiler(*lines, log=log)
    done = okng("edgetpu", SHIPPED, "--out", tmp_path / "coral")
    assert done.status == 2
    assert why in done.complaint
    assert not (tmp_path / "coral").exists()


def test_a_compiler_that_hangs_is_ended(compiler, monkeypatch):
    compiler("exec sleep 60")
    monkeypatch.setattr("converters.edgetpu.TIMEOUT_S", 0.2)
    with pytest.raises(UsageError, match="did not end within"):
        compile_model((SHIPPED / MODEL).read_bytes())


def test_without_the_compiler_its_absence_is_explained(okng, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = okng("edgetpu", SHIPPED)
    assert done.status == 0, done.err
    assert "edgetpu_compiler is not on PATH" in done.out
    assert "coral.ai/docs/edgetpu/compiler" in done.out
    assert done.out.count("Mapped to Edge TPU") >= 3
    told = json.loads(okng("edgetpu", SHIPPED, "--json").out)
    assert (told["maps"], told["compiler"]) == (True, None)
    asked = okng("edgetpu", SHIPPED, "--out", tmp_path / "coral")
    assert asked.status == 2
    assert "nothing to write" in asked.complaint
    assert okng("edgetpu", tmp_path / "none").status == 3
