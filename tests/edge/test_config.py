from __future__ import annotations

import json
import os

import msgspec
import pytest

from edge.contract.runtime import Delegate, Runtime
from edge.daemon.config import StationConfig, default_address, read_config
from edge.errors import ConfigError

GOOD = """
station = "line-1"
bundle = "bundles/first"
[camera]
uri = "file:///srv/capture"
[journal]
folder = "journal"
"""


def write(folder, text: str | bytes):
    path = folder / "station.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder, text: str | bytes) -> str:
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    start, message = str(caught.value).split(": ", 1)
    assert start == str(path)
    assert "\n" not in message
    return message


def test_the_least_that_is_needed_gets_the_documented_defaults(tmp_path) -> None:
    config = read_config(write(tmp_path, GOOD))
    assert msgspec.to_builtins(config) == {
        "station": "line-1",
        "bundle": str(tmp_path / "bundles" / "first"),
        "camera": {
            "uri": "file:///srv/capture",
            "timeout_s": 2.0,
            "repeats": False,
            "reopenings": 10,
            "backoff_s": 0.5,
            "backoff_max_s": 30.0,
        },
        "journal": {
            "folder": str(tmp_path / "journal"),
            "images": "ng",
            "images_every": None,
            "image_format": "png",
            "keep_gb": None,
            "keep_days": None,
            "keep_inspections": None,
        },
        "recipe": None,
        "recipes": str(tmp_path / "recipes"),
        "trusted_keys": None,
        "shadow": None,
        "inference": {"threads": 1, "delegate": "cpu", "options": {}, "hang_s": 5.0, "retry_s": 60.0},
        "trigger": {
            "kind": "free",
            "start": "auto",
            "deadline_ms": 5000,
            "delay_ms": 0,
            "window_ms": None,
            "gpio": None,
            "timed": None,
            "presence": None,
        },
        "signal": {
            "kind": "none",
            "pass_pin": None,
            "reject_pin": None,
            "busy_pin": None,
            "ready_pin": None,
            "error_pin": None,
            "heartbeat_pin": None,
            "pulse_ms": 50,
            "delay_ms": 0,
            "heartbeat_ms": 500,
            "factory": "auto",
        },
        "modbus": None,
        "parts": {"ids": "trigger", "code": "qr", "region": {"left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0}},
        "wire": {"results": "", "commands": "", "images": True, "key": None, "allowed": None},
        "interlock": {"at": (), "every_h": None, "parts": ()},
        "reasons": {
            "accept": ("dust", "reflection", "within-tolerance", "false-alarm"),
            "reject": ("scratch", "dent", "stain", "crack", "missing", "other"),
        },
        "quality": None,
    }


def test_a_file_that_says_every_default_reads_as_one_that_says_none(tmp_path) -> None:
    short = read_config(write(tmp_path, GOOD))
    assert read_config(write(tmp_path, toml(msgspec.to_builtins(short)))) == short


def toml(values: dict, above: str = "") -> str:
    """Nulls are left out, as TOML has none; what is left is written as JSON writes it."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict) and value}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if key not in tables and value is not None]
    return "\n".join([*lines, *(f"[{above}{key}]\n{toml(table, f'{above}{key}.')}" for key, table in tables.items())])


def test_a_delegate_is_the_edge_tpu_a_path_or_a_name(tmp_path) -> None:
    def runtime(line: str):
        return read_config(write(tmp_path, f"{GOOD}[inference]\n{line}\n")).inference.runtime

    assert runtime("threads = 2") == Runtime(2)
    assert runtime('delegate = "edgetpu"').delegate == Delegate("libedgetpu.so.1", {}, compiled=True)
    assert runtime('delegate = "lib/npu.so"\noptions = {device = "1"}').delegate == Delegate(
        f"{tmp_path}/lib/npu.so", {"device": "1"}
    )
    assert runtime('delegate = "libnpu.so.1"').delegate == Delegate("libnpu.so.1")


def test_a_shadow_bundle_lies_relative_to_the_file_too(tmp_path) -> None:
    assert read_config(write(tmp_path, 'shadow = "next"\n' + GOOD)).shadow == str(tmp_path / "next")


def test_every_value_may_be_given(tmp_path) -> None:
    text = """
        station = "A_b-9"
        bundle = "/srv/bundle"
        recipe = "screw-m4"
        recipes = "products"
        trusted_keys = ["/etc/okng/a.pub", "b.pub"]
        camera = {uri = "picamera2://0", timeout_s = 60, repeats = true, reopenings = 1, backoff_s = 2}
        inference = {threads = 16}
        trigger = {kind = "command", start = "command"}
        signal = {kind = "gpio", pass_pin = 17, reject_pin = 27, pulse_ms = 10_000, factory = "mock"}
        interlock = {at = ["06:00", "22:30"], every_h = 4, parts = ["ok", "ng"]}
        wire = {results = "tcp://127.0.0.1:5555", commands = "ipc:///run/x", images = false}
        quality = {brightness = 100, focus = 0.2, clipped = 0.01, tolerance = 0.5}
        [journal]
        folder = "/srv/journal"
        images = "all"
        images_every = 50
        image_format = "jpeg"
        keep_gb = 20
        keep_days = 365.5
        keep_inspections = 1
    """
    config = read_config(write(tmp_path, text))
    assert (config.bundle, config.journal.folder) == ("/srv/bundle", "/srv/journal")
    assert (config.recipe, config.recipes) == ("screw-m4", str(tmp_path / "products"))
    assert config.trusted_keys == ("/etc/okng/a.pub", str(tmp_path / "b.pub"))
    assert (config.results_address, config.commands_address) == ("tcp://127.0.0.1:5555", "ipc:///run/x")
    assert (config.camera.timeout_s, config.signal.reject_pin, config.wire.images) == (60.0, 27, False)


def test_relative_paths_are_relative_to_the_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "etc").mkdir()
    write(tmp_path / "etc", GOOD.replace("bundles/first", "../first"))
    monkeypatch.chdir(tmp_path)
    config = read_config((tmp_path / "etc" / "station.toml").relative_to(tmp_path))
    assert config.bundle == str(tmp_path / "etc" / "../first")
    assert config.journal.folder == str(tmp_path / "etc" / "journal")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("surprise = 1", "surprise: no such key; allowed here: station, bundle, camera, journal, recipe, recipes, "),
        ("[camera]\nuri = 'x'\nur = 1", "camera.ur: no such key; allowed here: uri, timeout_s"),
        ("[nothing]\na = 1", "nothing: no such key; allowed here: station"),
        ("[camera]", "camera.uri: is missing"),
        ("[camera]\nuri = 3", "camera.uri = 3: expected `str`, got `int`"),
        ("camera = 3", "camera = 3: expected `object`, got `int`"),
        ("[[camera]]\nuri = 'x'", "expected `object`, got `array`"),
        ("station = 'a b'", "station = 'a b': expected `str` matching"),
        ('station = "a\\n"', "station = 'a\\n': expected `str` matching"),
        ("station = ''", "station = '': expected `str` matching"),
        ("station = 1979-05-27", "station = datetime.date(1979, 5, 27): expected `str`, got `date`"),
        ("bundle = ''", "bundle = '': expected `str` matching"),
        ('bundle = "a\\u0000b"', "bundle = 'a\\x00b': expected `str` matching"),
        ("trusted_keys = []", "trusted_keys = []: expected `array` of length >= 1"),
        ("trusted_keys = 'a.pub'", "trusted_keys = 'a.pub': expected `array | null`, got `str`"),
        ("trusted_keys = ['']", "trusted_keys[0] = '': expected `str` matching"),
        ("recipe = 'a/b'", "recipe = 'a/b': expected `str` matching"),
        ("[interlock]\nat = ['06:00', '24:00']", "interlock.at[1] = '24:00': expected `str` matching"),
        ("[interlock]\nparts = ['good']", "interlock.parts[0] = 'good': must be one of ok, ng"),
        ("[interlock]\nevery_h = 0", "interlock.every_h = 0: expected `float` > 0.0"),
        ("[inference]\nhang_s = 0", "inference.hang_s = 0: expected `float` > 0.0"),
        ("[inference]\ndelegate = ''", "inference.delegate = '': expected `str` matching"),
        ("[inference]\ndelegate = 'edgetpu'\noptions = {a = 1}", "inference.options[...]: expected `str`, got `int`"),
        ("[inference]\noptions = {a = '1'}", 'inference: options are a delegate\'s; delegate is "cpu"'),
        ("shadow = ''", "shadow = '': expected `str` matching"),
        ("[journal]\nfolder = ''", "journal.folder = '': expected `str` matching"),
        ("[journal]\nfolder = 'x'\nimages = 'ok'", "journal.images = 'ok': must be one of all, ng, none"),
        ("[journal]\nfolder = 'x'\nimages_every = 0", "journal.images_every = 0: expected `int` >= 1"),
        ("[journal]\nfolder = 'x'\nimage_format = 'bmp'", "journal.image_format = 'bmp': must be one of png, jpeg"),
        ("[journal]\nfolder = 'x'\nkeep_gb = 0", "journal.keep_gb = 0: expected `float` > 0.0"),
        ("[journal]\nfolder = 'x'\nkeep_days = nan", "journal.keep_days = nan: expected `float` > 0.0"),
        ("[journal]\nfolder = 'x'\nkeep_inspections = 0", "journal.keep_inspections = 0: expected `int` >= 1"),
        ("[camera]\nuri = 'x'\ntimeout_s = 0", "camera.timeout_s = 0: expected `float` > 0.0"),
        ("[camera]\nuri = 'x'\ntimeout_s = nan", "camera.timeout_s = nan: expected `float` > 0.0"),
        ("[camera]\nuri = 'x'\ntimeout_s = inf", "camera.timeout_s = inf: expected `float` <= 60.0"),
        ("[camera]\nuri = 'x'\ntimeout_s = '2'", "camera.timeout_s = '2': expected `float`, got `str`"),
        ("[camera]\nuri = 'x'\nreopenings = 0", "camera.reopenings = 0: expected `int` >= 1"),
        ("[camera]\nuri = 'x'\nbackoff_s = 0", "camera.backoff_s = 0: expected `float` > 0.0"),
        ("[camera]\nuri = 'x'\nbackoff_max_s = inf", "camera.backoff_max_s = inf: expected `float` <= 600.0"),
        ("[quality]\nbrightness = 9", "quality.focus: is missing"),
        ("[quality]\nbrightness = 0\nfocus = 1", "quality.brightness = 0: expected `float` > 0.0"),
        ("[quality]\nbrightness = 9\nfocus = 21", "quality.focus = 21: expected `float` <= 20.0"),
        (
            "[quality]\nbrightness = 9\nfocus = 1\nclip = 0",
            "quality.clip: no such key; allowed here: brightness, focus,",
        ),
        ("[inference]\nthreads = 0", "inference.threads = 0: expected `int` >= 1"),
        ("[inference]\nthreads = 17", "inference.threads = 17: expected `int` <= 16"),
        ("[inference]\nthreads = true", "inference.threads = True: expected `int`, got `bool`"),
        (
            "[trigger]\nkind = 'laser'",
            "trigger.kind = 'laser': must be one of free, command, gpio, timed, presence, modbus",
        ),
        ("[trigger]\nstart = 'now'", "trigger.start = 'now': must be one of auto, command"),
        ("[trigger]\nkind = 3", "trigger.kind = 3: expected `str`, got `int`"),
        ("[signal]\nkind = 'relay'", "signal.kind = 'relay': must be one of none, gpio"),
        ("[signal]\nkind = 'gpio'", 'signal: kind "gpio" needs pass_pin'),
        ("[signal]\npass_pin = 28", "signal.pass_pin = 28: expected `int` <= 27"),
        ("[trigger]\nkind = 'gpio'", 'trigger: kind "gpio" needs the table trigger.gpio'),
        ("[trigger.gpio]\npin = 28", "trigger.gpio.pin = 28: expected `int` <= 27"),
        ("[trigger.gpio]\npins = 2", "trigger.gpio.pins: no such key; allowed here: pin, edge, pull, debounce_ms"),
        (
            "[trigger.gpio]\npin = 4\n[signal]\nbusy_pin = 4",
            "trigger.gpio.pin = 4: is signal.busy_pin too; give it a pin of its own",
        ),
        ("[signal]\nkind = 'modbus'", 'signal.kind = "modbus" needs the table modbus'),
        ("[modbus]\nhost = '0.0.0.0'", "modbus: host 0.0.0.0: beyond this machine, allow must name the PLC's address"),
        ("[modbus]\nallow = ['plc']", "modbus: 'plc' does not appear to be an IPv4 or IPv6 address"),
        ("[modbus]\nport = 0", "modbus.port = 0: expected `int` >= 1"),
        ("[signal]\nreject_pin = -1", "signal.reject_pin = -1: expected `int` >= 0"),
        ("[signal]\npulse_ms = 10001", "signal.pulse_ms = 10001: expected `int` <= 10000"),
        ("[signal]\nfactory = 'pigpio'", "signal.factory = 'pigpio': must be one of auto, mock"),
        ("[wire]\nimages = 'no'", "wire.images = 'no': expected `bool`, got `str`"),
        ("[wire]\nresults = 5555", "wire.results = 5555: expected `str`, got `int`"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, extra, said) -> None:
    assert said in refusal(tmp_path, combined(extra))


def combined(extra: str) -> str:
    """GOOD with the table or key that `extra` gives in place of its own."""
    head, *tables = GOOD.strip().split("\n[")
    name = extra.split("]")[0].strip("[") if extra.startswith("[") else extra.split(" ")[0]
    lines = [line for line in head.splitlines() if line.split(" ")[0] != name]
    kept = [f"[{table}" for table in tables if table.split("]")[0] != name]
    return "\n".join([*lines, *kept, extra] if extra.startswith("[") else [*lines, extra, *kept])


@pytest.mark.parametrize("key", ["station", "bundle", "camera", "journal"])
def test_what_is_missing_is_named(tmp_path, key) -> None:
    text = combined(f"{key} = 1").replace(f"{key} = 1", "")
    assert refusal(tmp_path, text) == f"{key}: is missing"


@pytest.mark.parametrize(
    "text",
    ["a =", "[camera", "a = 1\na = 2", b"\xff\xfe", b"\0", b"a = '\xc3'", "a = " + "[" * 5000, "a = " + "9" * 5000],
    ids=range(8),
)
def test_what_is_no_toml_is_said_to_be_none(tmp_path, text) -> None:
    assert refusal(tmp_path, text).startswith("not TOML: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match=f"^{path}: cannot be read: "):
            read_config(path)


def test_default_addresses_are_ipc_in_a_folder_of_the_stations_own(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert default_address("one", "results") == f"ipc://{tmp_path}/one.results"
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    monkeypatch.setattr("edge.daemon.config.os.access", lambda *_: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_address("one", "results") == f"ipc://{tmp_path}/okng/one.results"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert f"okng-{os.getuid()}/one.commands" in default_address("one", "commands")


def test_unknown_keys_are_errors_in_every_table() -> None:
    for field in msgspec.structs.fields(StationConfig):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            assert field.type.__struct_config__.forbid_unknown_fields, field.name
