"""What is built holds what is needed, and nothing else."""

import hashlib
import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge", "trainer", "converters")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def sources(*suffixes: str) -> set[str]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in suffixes)
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The wheel, made from the sdist as pip would, and the sdist."""
    out = tmp_path_factory.mktemp("dist")
    here = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", "--outdir", out, *here, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built) -> dict[str, bytes]:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_all_code_and_no_other(wheel):
    code = {name for name in wheel if name.endswith(".py")}
    assert code == sources(".py")


def test_the_wheel_holds_the_pages(wheel):
    assert {name for name in wheel if name.endswith((".j2", ".css", ".js"))} == sources(".j2", ".css", ".js")
    assert "edge/station/page.js" in wheel
    assert "trainer/pages/report.html.j2" in wheel


@pytest.mark.parametrize("folder", ["models", "systemd"])
def test_the_wheel_holds_what_is_shipped(wheel, folder):
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert {name.removeprefix("edge/shipped/") for name in wheel if name.startswith(f"edge/shipped/{folder}/")} == set(
        files
    )
    for name, path in files.items():
        assert wheel[f"edge/shipped/{name}"] == path.read_bytes()


def test_the_shipped_bundle_is_whole(wheel):
    (sums,) = [name for name in wheel if name.startswith("edge/shipped/models/") and name.endswith("SHA256SUMS")]
    for line in wheel[sums].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(wheel[f"{sums.removesuffix('SHA256SUMS')}{name}"]).hexdigest() == digest


def test_the_wheel_holds_nothing_else(wheel):
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)
    assert not [name for name in wheel if "test" in name.lower() or "__pycache__" in name]
    assert sum(map(len, wheel.values())) < 8e6, "a board downloads this"


def test_the_wheel_says_what_it_is(wheel):
    info = {name.split("/", 1)[1]: data.decode() for name, data in wheel.items() if ".dist-info/" in name}
    assert "okng = edge.cli:main" in info["entry_points.txt"]
    assert "[okng.commands]" in info["entry_points.txt"]
    assert "Apache License" in info["licenses/LICENSE"]
    assert "Provides-Extra: train" in info["METADATA"]
    assert not [
        line
        for line in info["METADATA"].splitlines()
        if line.startswith("Requires-Dist: tensorflow") and "extra" not in line
    ]


def test_the_sdist_holds_the_project(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt"} <= names
    assert sources(".py") <= names
    assert not [name for name in names if name.startswith((".ci", ".venv", ".git/", "dist", "demo/", "runs/"))]
