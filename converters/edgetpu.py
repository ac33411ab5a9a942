"""Whether a bundle runs on a Coral Edge TPU: by the published rules, and by the compiler where there is one.

The compiler: coral.ai/docs/edgetpu/compiler; its last version, 16.0, is of 2021.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from converters.edgetpu_rules import Mapping, map_operators
from converters.graph import Graph
from edge.contract.bundle import COMPILED, MODEL, SIGNATURE, SUMS, Bundle, read_bundle, write_bundle
from edge.contract.storage import refuse_taken
from edge.errors import BundleError, UsageError

COMPILER = "edgetpu_compiler"
TIMEOUT_S = 600.0
MAPPED = "Mapped to Edge TPU"
ABSENT = (
    f"{COMPILER} is not on PATH, so this is by the published rules alone; it comes as a package for x86-64 Debian from "
    "Google, not from Debian or pip: coral.ai/docs/edgetpu/compiler"
)
_HEAD = re.compile(r"\s*Operator\s+Count\s+Status\s*")
_ROW = re.compile(r"\s*([A-Za-z0-9_-]+)\s+(\d+)\s+(\S.*?)\s*")


class CompilerRow(msgspec.Struct, frozen=True):
    """A line of the compiler's log: so many operators of one kind, and what became of them."""

    operator: str
    count: int
    status: str


class EdgeTpuReport(msgspec.Struct, frozen=True):
    """What the rules say; what the compiler says, None where it was not run, and then why."""

    rules: tuple[Mapping, ...]
    compiler: tuple[CompilerRow, ...] | None
    why_not_compiled: str

    @property
    def maps(self) -> bool:
        """Whether all of the model runs on the Edge TPU; the compiler has the last word."""
        if self.compiler is not None:
            return all(row.status == MAPPED for row in self.compiler)
        return not any(row.reason for row in self.rules)


def check_bundle(path: Path, out: Path | None) -> EdgeTpuReport:
    """Checks a bundle's model and, with `out`, writes a bundle there that has the compiled model beside it.

    The new bundle is sealed anew and unsigned. Raises BundleError for a bundle or model that is damaged, UsageError
    when the compiler is needed and absent, fails, or writes nonsense.
    """
    if out:
        refuse_taken(out)
    bundle = read_bundle(path)
    rules = tuple(map_operators(Graph(bundle.model)))
    if shutil.which(COMPILER) is None:
        if out:
            raise UsageError(f"{out}: nothing to write: {ABSENT}")
        return EdgeTpuReport(rules, None, ABSENT)
    compiled, rows = compile_model(bundle.model)
    if out:
        write_bundle(out, {**_files(bundle), COMPILED: compiled})
        read_bundle(out)
    return EdgeTpuReport(rules, rows, "")


def compile_model(model: bytes) -> tuple[bytes, tuple[CompilerRow, ...]]:
    """The model compiled, and the compiler's table. Raises UsageError when the compiler fails or writes nonsense."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / MODEL
        source.write_bytes(model)
        said = _run_compiler(source)
        try:
            log = source.with_name(f"{source.stem}_edgetpu.log").read_text(errors="replace")
            compiled = source.with_name(COMPILED).read_bytes()
        except OSError as error:
            raise UsageError(f"{COMPILER} left no {Path(error.filename).name}: {_last_line(said)}") from None
    rows = parse_log(log)
    try:
        Graph(compiled)
    except BundleError as error:
        raise UsageError(f"{COMPILER} made no model: {error}") from None
    return compiled, rows


def parse_log(text: str) -> tuple[CompilerRow, ...]:
    """The table below "Operator Count Status". Raises UsageError when there is none."""
    lines = iter(text.splitlines())
    found = []
    if any(_HEAD.fullmatch(line) for line in lines):  # and goes on below it
        for line in filter(str.strip, lines):
            if not (match := _ROW.fullmatch(line)):
                break
            found.append(CompilerRow(match[1], int(match[2]), match[3]))
    if not found:
        raise UsageError(f"{COMPILER} wrote a log without its table of operators; is it the real one?")
    return tuple(found)


def _run_compiler(source: Path) -> str:
    command = [COMPILER, "-s", "-o", str(source.parent), str(source)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UsageError(f"{COMPILER} did not end within {TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise UsageError(f"{COMPILER} cannot be started: {error.strerror}") from None
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        raise UsageError(f"{COMPILER} ended with {done.returncode}: {_last_line(said)}")
    return said


def _last_line(text: str) -> str:
    """The last line that names an error, or the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "failed:" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]


def _files(bundle: Bundle) -> dict[str, bytes]:
    names = [file for file in bundle.path.rglob("*") if file.is_file() and file.name not in (SUMS, SIGNATURE)]
    return {file.relative_to(bundle.path).as_posix(): file.read_bytes() for file in names}
