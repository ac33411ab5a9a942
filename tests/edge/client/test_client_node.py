"""A client in another language, made of PROTOCOL.md alone, sees what ours sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.daemon.config import read_config
from tests.edge.running import BY_COMMAND, PROGRAM, WAIT_S, Running, station_file
from tests.edge.test_wire_keys_daemon import client
from tests.edge.test_wire_keys_daemon import config as keyed  # noqa: F401

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "node"


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Path:
    """The example, installed as its reader would."""
    if not (npm := shutil.which("npm")):
        pytest.skip("needs node and its npm")
    folder = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install here: {(done.stderr.strip() or 'no reason').splitlines()[-1]}")
    return folder


@pytest.mark.slow
def test_node_sees_every_result_as_we_do_over_a_restart_and_live(example, tmp_path, bundle, capture) -> None:
    config = station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    with Running(config) as first:
        for number in range(4):
            first.station.trigger(f"A-{number}")
        published = first.collect(4)
        assert first.end() == 0
    with Running(config) as second:
        command = [
            "node",
            "watch.js",
            f"ipc://{second.folder}/r",
            f"ipc://{second.folder}/c",
            "6",
            published[0].header.id,
        ]
        with subprocess.Popen(command, cwd=example, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
            assert node.stdout
            lines = [node.stdout.readline() for _ in range(3)]
            for number in range(3):
                second.station.trigger(f"B-{number}")
            lines += [node.stdout.readline() for _ in range(3)]
            said = node.communicate(timeout=WAIT_S)[1]
            assert node.returncode == 0, said
        published += second.collect(3)
    found = [json.loads(line) for line in lines]
    assert [each["id"] for each in found] == [each.header.id for each in published[1:]]
    for each, message in zip(found, published[1:], strict=True):
        header, units = message.header, message.map_units
        assert (each["verdict"], each["score"]) == (header.verdict, header.score)
        assert each["map"] == (None if units is None else units.ravel().tolist())


@pytest.mark.slow
def test_node_is_told_why_not(example, tmp_path, bundle, capture) -> None:
    config = station_file(tmp_path / "station", bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND)
    script = """
        import { Station } from "./station.js";
        const station = new Station(process.env.RESULTS, process.env.COMMANDS);
        console.log((await station.request({ name: "stop" })).state);
        await station.request({ name: "trigger" }).catch((error) => console.log(error.code));
        await station.request({ name: "dance" }).catch((error) => console.log(error.code));
        station.close();
    """
    (example / "refused.js").write_text(script)
    with Running(config) as daemon:
        names = {"RESULTS": f"ipc://{daemon.folder}/r", "COMMANDS": f"ipc://{daemon.folder}/c"}
        done = subprocess.run(
            ["node", "refused.js"], cwd=example, env=os.environ | names, capture_output=True, text=True, check=False,
            timeout=WAIT_S,
        )  # fmt: skip
    assert (done.stdout.split(), done.returncode) == (["halted", "wrong_state", "unknown_command"], 0), done.stderr


@pytest.mark.slow
def test_node_connects_with_keys(example, keyed) -> None:  # noqa: F811
    wire, folder = read_config(keyed).wire, keyed.parent
    addresses = [address.replace("0.0.0.0", "127.0.0.1") for address in (wire.results, wire.commands)]
    keys = {
        "OKNG_KEY": str(folder / "gateway.wire-secret"),
        "OKNG_STATION_KEY": str(folder / "one.wire-public"),
    }
    with subprocess.Popen([*PROGRAM, str(keyed)]) as daemon, client(keyed, "ann") as ann:
        try:
            ann.wait_joined()
            start = f"{ann.status().boot}-0"
            asked = ann.trigger("A-1")
            done = subprocess.run(
                ["node", "watch.js", *addresses, "1", start], cwd=example, env=os.environ | keys, capture_output=True,
                text=True, check=False, timeout=WAIT_S,
            )  # fmt: skip
        finally:
            daemon.terminate()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == asked
