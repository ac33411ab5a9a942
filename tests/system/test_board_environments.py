"""The board's part installs and passes its own tests where nobody has heard of TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTING = ["pytest==9.2.0", "pytest-timeout==2.4.0", "hypothesis==6.170.15", "jsonschema==4.26.0"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT)
    return next(out.glob("okng-*.whl"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The tests without the code, so that only what was installed can be imported."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copytree(ROOT / "models", folder / "models")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def litert(wheel, tmp_path_factory):
    return environment(tmp_path_factory.mktemp("litert"), [["-c", ROOT / "constraints.txt", wheel]])


@pytest.fixture(scope="module")
def tflite(wheel, tmp_path_factory):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tflite-runtime 2.14 has no wheel for this Python; it needs 3.11")
    steps = [["-r", ROOT / "requirements-tflite.txt"], ["--no-deps", wheel]]
    return environment(tmp_path_factory.mktemp("tflite"), steps)


def environment(folder, steps):
    run(sys.executable, "-m", "venv", folder)
    for step in [*steps, TESTING]:
        run(folder / "bin/pip", "install", "--quiet", *step)
    return folder / "bin"


def installed(binaries):
    return {line.split("==")[0].lower() for line in run(binaries / "pip", "freeze").splitlines()}


@pytest.mark.parametrize("name", ["litert", "tflite"])
def test_the_board_passes_its_tests_without_tensorflow(name, request, checkout):
    binaries = request.getfixturevalue(name)
    assert not installed(binaries) & {"tensorflow", "keras", "scikit-learn", "matplotlib", "rich"}
    settings = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
    options = ["-q", "-p", "no:cacheprovider", "-o", "pythonpath=.", "tests/edge"]
    run(binaries / "python", "-m", "pytest", *options, cwd=checkout, env=settings)


def test_both_runtimes_judge_alike(litert, tflite, checkout, tmp_path):
    """The same verdicts, and maps within two units of int8."""
    bundle = next(checkout.glob("models/*/SHA256SUMS")).parent
    frames = tmp_path / "frames"
    run(litert / "okng", "dataset", "synthesize", frames, "--count", "60", "--seed", "5")
    lines = run(litert / "okng", "replay", frames / "images", "--bundle", bundle)
    before = tmp_path / "litert.jsonl"
    before.write_text(lines)
    assert len({json.loads(line)["verdict"] for line in lines.splitlines()}) > 1
    options = ["--expect", before, "--tolerance", "2"]
    run(tflite / "okng", "replay", frames / "images", "--bundle", bundle, *options)
