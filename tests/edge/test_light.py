"""The board is light: what `edge` imports, and when."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edge

ROOT = Path(edge.__file__).parents[1]
STATION = ROOT / "edge" / "station"
OPERATOR_PAGE = {STATION / name for name in ("page.py", "serve.py", "visit.py")} | {*STATION.glob("*_view.py")}
"""They need the extra `station`, and only `okng station` imports them."""
FILES = sorted({*(ROOT / "edge").rglob("*.py")} - OPERATOR_PAGE)
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
HEAVY = {
    "trainer",
    "converters",
    "tensorflow",
    "keras",
    "sklearn",
    "matplotlib",
    "rich",
    "jinja2",
    "PIL",
    "pandas",
    "nicegui",
    "fastapi",
}
"""What a board has not."""
DRIVERS = {"gpiozero", "lgpio", "pymodbus", "picamera2", "libcamera", "paho", "prometheus_client"}

IMPORT = """
import importlib, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise AssertionError(f"{name} was imported")

absent, modules = json.loads(sys.argv[1])
sys.meta_path.insert(0, Absent())
for name in modules:
    importlib.import_module(name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def imported(modules: list[str], absent: set[str]) -> set[str]:
    """The packages that importing `modules` brings into a fresh process where `absent` may not be imported."""
    command = [sys.executable, "-c", IMPORT, json.dumps([sorted(absent), modules])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_every_module_of_edge_imports_without_what_a_board_has_not() -> None:
    assert len(MODULES) > 30
    found = imported(MODULES, HEAVY | DRIVERS)
    assert {"edge", "numpy", "cv2", "zmq"} <= found
    assert "cryptography" not in found, "only where a signature is made or checked"


def test_no_line_of_edge_imports_what_a_board_has_not() -> None:
    """Inside functions too, where no import of the module would show it."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not HEAVY & {name.split(".")[0] for name in names}, f"{path}:{node.lineno}"


@pytest.mark.parametrize("module", ["edge", "edge.errors", "edge.cli", "edge.daemon.config", "edge.daemon.systemd"])
def test_what_every_start_imports_is_quick_to_import(module) -> None:
    imported([module], HEAVY | DRIVERS | {"numpy", "cv2", "zmq", "ai_edge_litert", "tflite_runtime"})


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_is_there_at_once(argument) -> None:
    """Also with the commands of trainer and converters, which may be installed here."""
    code = f"""
import sys
sys.argv = ["okng", {argument!r}]
from edge.cli import main
try:
    main()
finally:
    print(sorted({{name.split(".")[0] for name in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    late = {"numpy", "cv2", "zmq", "ai_edge_litert", "tflite_runtime", "tensorflow", "keras", "sqlite3"}
    assert not late & set(ast.literal_eval(done.stderr))
