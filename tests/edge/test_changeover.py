"""The real daemon with recipes: at the start, by changeover, good and bad, and after a restart."""

from __future__ import annotations

import json
import shutil
import threading
import tomllib
from pathlib import Path

import pytest

from edge.client import CommandRefused, Station
from edge.contract.bundle import read_bundle
from edge.contract.cam import Thresholds
from edge.contract.events import ChangeoverEvent, InterlockEvent
from edge.contract.types import State, Verdict
from edge.daemon.config import read_config
from edge.daemon.opening import open_journal, refused_changeover, station_recipe
from edge.errors import ConfigError
from edge.journal.reader import JournalReader
from edge.wire.answers import ReplayAnswer, read_answer
from edge.wire.messages import Topic
from edge.wire.requests import Changeover, Interlock, Load, Replay, Start, Status, Trigger
from tests.edge.running import BY_COMMAND, ON_START, WAIT_S, Running, refused, station_file
from tests.edge.test_load import another
from tests.edge.variants import write_variant

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def recipes(folder: Path, **files: str) -> Path:
    """A folder of recipes with these, and the one of a scenario."""
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    shutil.copy(SCENARIOS / "two-of-three" / "recipe.toml", folder / "recipes" / "two-of-three.toml")
    for name, text in files.items():
        (folder / "recipes" / f"{name}.toml").write_text(text)
    return folder


def said(daemon: Running, name: str, code: str) -> str:
    with pytest.raises(CommandRefused) as caught:
        daemon.station.request(Changeover(name))
    assert caught.value.code == code
    return str(caught.value).removesuffix(f" ({code})")


def test_the_daemon_inspects_by_a_recipe_as_replay_does(tmp_path, bundle) -> None:
    folder = recipes(tmp_path / "d")
    camera = (SCENARIOS / "two-of-three" / "frames").as_uri()
    config = station_file(folder, bundle, camera, 'recipe = "two-of-three"', ON_START)
    expected = tomllib.loads((SCENARIOS / "two-of-three" / "expected.toml").read_text())["parts"]
    with Running(config) as daemon:
        assert daemon.station.request(Status())["recipe"] == "two-of-three"
        daemon.station.request(Start())
        headers = [message.header for message in daemon.collect(len(expected))]
        again = read_answer(daemon.station.request(Replay(f"{headers[0].boot}-0")), ReplayAnswer).results
        assert [each.header for each in again] == headers
        assert daemon.end() == 0, daemon.log.read_text()
        rows = daemon.rows()
    assert [(each.frame_name, each.verdict) for each in headers] == [
        (each["frame"], each["verdict"]) for each in expected
    ]
    assert len(rows) == len(expected)
    for header, row in zip(headers, rows, strict=True):
        assert (header.recipe, row.recipe_name) == ("two-of-three", "two-of-three")
        assert (header.looks or ()) == row.looks
        if header.frame_name:
            assert [look.frame for look in row.looks] == [0, 1, 2]
    with JournalReader(folder / "journal") as reader:
        settings = json.loads(reader.recipe(rows[0].recipe))
        (start,) = reader.events()
    assert settings["station"] == "one"
    assert settings["recipe"]["voting"] == {"frames": 3, "ng": 2}
    assert isinstance(start.event, InterlockEvent)
    assert (start.event.passed, start.event.occasion, start.event.recipe) == (True, "start", "two-of-three")


@pytest.fixture(scope="module")
def station(tmp_path_factory, bundle):
    """A triggered station with recipes good and bad."""
    ignored = SCENARIOS / "ignored-place" / "hole.png"
    folder = recipes(
        tmp_path_factory.mktemp("station") / "d",
        plain="",
        strict='review = "ng"\nthresholds = {ok_below = 0.0, ng_from = 0.5}',
        lax="thresholds = {ok_below = 1.0, ng_from = 1.0}",
        typo="reveiw = 'ng'",
        lost=f"ignore = '{ignored}'\n[[regions]]\nname = 'hole'\nleft = 0.3\ntop = 0.72\nwidth = 0.04\nheight = 0.04",
        absent="bundle = '../nothing'",
    )
    camera = f"{(SCENARIOS / 'bundle-alone' / 'frames' / '5.jpg').as_uri()}?loop=true"
    with Running(station_file(folder, bundle, camera, BY_COMMAND, images=False)) as daemon:
        yield daemon
        assert daemon.end() == 0, daemon.log.read_text()


def inspect(daemon: Running) -> object:
    """The result of a trigger, once all before it have come."""
    asked = daemon.station.request(Trigger("A-1"))["inspection"]
    while (header := daemon.collect(len(daemon.results) + 1)[-1].header).id != asked:
        pass
    return header


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("nowhere", "bad_recipe", "recipes/nowhere.toml: no such recipe; there are: absent, lax, lost, plain, strict,"),
        ("typo", "bad_recipe", "recipes/typo.toml: reveiw: no such key; allowed here: "),
        ("lost", "bad_recipe", "hole.png': leaves no place of region 'hole'"),
        ("absent", "bad_bundle", "nothing/SHA256SUMS: cannot be read: No such file or directory; is this a bundle?"),
    ],
)
def test_a_bad_recipe_is_refused_and_the_station_goes_on_as_it_was(station, name, code, reason) -> None:
    assert reason in said(station, name, code)
    status = station.station.request(Status())
    assert (status["recipe"], status["state"]) == ("", State.READY)
    assert inspect(station).verdict is Verdict.OK


def test_a_recipe_that_lets_known_faults_pass_leaves_the_line_not_ready_until_it_judges_right(station, okng) -> None:
    reason = said(station, "lax", "bad_recipe")
    assert reason.startswith("the changeover to lax failed, golden interlock: golden/ng-")
    status = station.station.request(Status())
    assert (status["recipe"], status["state"], status["reason"]) == ("", State.ERROR, reason)
    with pytest.raises(CommandRefused, match="the changeover to lax failed") as caught:
        station.station.request(Trigger("A-2"))
    assert caught.value.code == "wrong_state"
    done = okng("interlock", "--config", station.config)
    assert (done.status, done.out) == (0, "8 known frames, 0 judged wrong\n")
    assert station.station.request(Status())["state"] == State.READY
    assert inspect(station).verdict is Verdict.OK


def test_a_changeover_is_published_and_journaled_and_each_result_names_its_recipe(station, bundle, okng) -> None:
    with Station(f"ipc://{station.folder}/r", f"ipc://{station.folder}/c", topics=(Topic.EVENT,)) as events:
        events.wait_joined(WAIT_S)
        done = okng("changeover", "strict", "--config", station.config)
        assert done.status == 0, done.err
        assert done.out.startswith("strict from now on, judged by ")
        check, change = (events.receive(WAIT_S).header.event for _ in range(2))
        assert (check.occasion, check.passed, check.recipe) == ("changeover", True, "strict")
        assert (change.recipe, change.before) == ("strict", "")
        assert events.wait_joined(WAIT_S).header.recipe == "strict"
    header = inspect(station)
    assert (header.verdict, header.recipe, header.thresholds.ng_from) == (Verdict.NG, "strict", 0.0)
    row = station.rows()[-1]
    assert (row.verdict, row.recipe_name) == (Verdict.NG, "strict")
    with JournalReader(station.folder / "journal") as reader:
        assert reader.events()[-1].event == change
    told = okng("journal", "events", "--config", station.config, "--last", 2).out
    assert "interlock (changeover, strict): 8 known frames: judged right\n" in told
    assert f"changeover: strict after no recipe, judged by bundle {header.bundle[:12]}\n" in told
    assert json.loads(okng("journal", "events", "--config", station.config, "--last", 1, "--json").out)["event"]
    with JournalReader(station.folder / "journal") as reader:
        assert json.loads(reader.recipe(row.recipe))["recipe"]["name"] == "strict"
    station.station.request(Load(str(bundle)))  # keeps the recipe
    assert inspect(station).recipe == "strict"
    assert station.station.request(Changeover("plain"))["recipe"] == "plain"
    assert inspect(station).verdict is Verdict.OK


def test_a_known_part_before_the_camera_is_judged_right_or_holds_the_line(station, okng) -> None:
    good = okng("golden", "ok", "--config", station.config)
    assert good.status == 0, good.err
    assert good.out.endswith(": judged right, as ok\n")
    wrong = okng("golden", "ng", "--config", station.config)
    assert (wrong.status, "is ng, and judged OK" in wrong.out) == (1, True)
    assert station.station.request(Status())["state"] == State.ERROR
    assert station.station.request(Interlock())["passed"]  # of the known frames: the part is still to be judged right
    assert station.station.request(Status())["reason"].endswith("the known ng part is ng, and judged OK (0.027)")
    station.station.request(Changeover("plain"))
    assert inspect(station).verdict is Verdict.OK
    ours = [row for row in station.rows() if row.golden]
    assert [(row.golden, row.verdict, row.signal) for row in ours] == [("ok", "ok", "reject"), ("ng", "ok", "reject")]
    found = [message.header for message in station.results if message.header.golden]
    assert [header.id for header in found] == [row.id for row in ours]


def test_none_is_begun_while_a_part_is_in_flight(tmp_path, bundle, capture) -> None:
    folder = recipes(tmp_path / "d", plain="")
    camera = f"{capture.as_uri()}?loop=true&rate=0.1"
    with Running(station_file(folder, bundle, camera, BY_COMMAND)) as daemon:
        for part in ("A-1", "A-2"):
            daemon.station.request(Trigger(part))
        assert "a part is in flight" in said(daemon, "plain", "busy")
        assert daemon.station.request(Interlock())["passed"]
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_changeover_that_was_answered_outlives_a_kill(tmp_path, bundle, capture) -> None:
    config = station_file(recipes(tmp_path / "d", plain=""), bundle, capture.as_uri(), 'recipe = "plain"', ON_START)
    with Running(config) as daemon:
        daemon.station.request(Changeover("two-of-three"))
        daemon.process.kill()
        daemon.process.wait()
    with Running(config) as daemon:
        assert daemon.station.request(Status())["recipe"] == "two-of-three"


def test_a_station_that_starts_again_inspects_what_it_was_changed_over_to(tmp_path, bundle, capture) -> None:
    """Unless the station file was changed since: then that counts."""
    folder = recipes(tmp_path / "d", plain="")
    path = station_file(folder, bundle, capture.as_uri(), 'recipe = "plain"')
    config = read_config(path)
    with open_journal(config) as journal:
        assert station_recipe(config, journal).name == "plain"
        journal.note(ChangeoverEvent("two-of-three", "plain", "b" * 64, "plain"))
        assert station_recipe(config, journal).name == "two-of-three"
    config = read_config(station_file(folder, bundle, capture.as_uri()))
    with open_journal(config) as journal:
        assert station_recipe(config, journal) is None
        journal.note(ChangeoverEvent("gone", "", "b" * 64, ""))
        with pytest.raises(ConfigError, match=r"gone\.toml: no such recipe; there are: plain, two-of-three"):
            station_recipe(config, journal)


def test_a_refused_changeover_holds_the_line_over_a_restart_until_somebody_answers(tmp_path, bundle, capture) -> None:
    def event(occasion, *wrong):
        return InterlockEvent(occasion=occasion, recipe="lax", bundle="b" * 64, frames=8, wrong=wrong)

    with open_journal(read_config(station_file(tmp_path / "d", bundle, capture.as_uri()))) as journal:
        assert refused_changeover(journal) is None
        for each in (event("changeover", "a"), event("start"), event("schedule")):
            journal.note(each)
            assert refused_changeover(journal) == event("changeover", "a")
        journal.note(event("command"))
        assert refused_changeover(journal) is None
        journal.note(event("part", "a"))
        assert refused_changeover(journal) is None


def test_a_recipe_that_is_wrong_at_the_start_is_one_line(tmp_path, bundle, capture, okng) -> None:
    folder = recipes(tmp_path / "d", typo="reveiw = 'ng'")
    assert "typo.toml: reveiw: no such key" in refused(
        okng, station_file(folder, bundle, capture.as_uri(), 'recipe = "typo"'), 2
    )


def judging(daemon: Running) -> tuple[str, str]:
    """The recipe and the bundle's digest."""
    status = daemon.station.request(Status())
    return status["recipe"], status["bundle"]


@pytest.mark.slow
def test_a_recipes_own_bundle_is_kept_and_the_one_that_was_loaded_comes_back_with_other_recipes(
    tmp_path, bundle, capture, seal
) -> None:
    loaded, theirs = another(bundle, tmp_path / "loaded", seal), write_variant(bundle, tmp_path / "theirs", name="own")
    mine, own = read_bundle(loaded).digest, read_bundle(theirs).digest
    folder = recipes(tmp_path / "d", plain="", own=f"bundle = '{theirs}'")
    config = station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, images=False)
    with Running(config) as daemon:
        daemon.station.request(Load(str(loaded)))
        assert daemon.station.request(Changeover("own"))["bundle"] == own
        assert inspect(daemon).bundle == own
        daemon.process.kill()
        daemon.process.wait()
    shutil.rmtree(loaded)
    with Running(config) as daemon:
        assert judging(daemon) == ("own", own)
        assert daemon.station.request(Changeover("plain"))["bundle"] == mine
        assert inspect(daemon).bundle == mine
        daemon.process.kill()
        daemon.process.wait()
    with Running(config) as daemon:
        assert judging(daemon) == ("plain", mine)
        assert daemon.end() == 0, daemon.log.read_text()


@pytest.mark.slow
def test_a_bundle_that_judges_the_recipes_known_parts_wrong_is_refused_and_the_one_before_comes_back(
    tmp_path, bundle, capture
) -> None:
    lax = write_variant(bundle, tmp_path / "lax", thresholds=Thresholds(1.0, 1.0))
    folder = recipes(tmp_path / "d", known=f"golden = {{ng = ['{bundle / 'golden' / 'ng-1.png'}']}}")
    config = station_file(folder, bundle, f"{capture.as_uri()}?loop=true", BY_COMMAND, 'recipe = "known"')
    with Running(config) as daemon:
        with pytest.raises(CommandRefused, match=r"ng-1\.png is ng, and judged OK .* the bundle before it comes back"):
            daemon.station.request(Load(str(lax)))
        while "bundle_rolled_back" not in (status := daemon.station.request(Status()))["faults"]:
            threading.Event().wait(0.02)
        assert (status["bundle"], status["state"]) == (read_bundle(bundle).digest, State.READY)
        assert inspect(daemon).bundle == read_bundle(bundle).digest
        assert daemon.end() == 0, daemon.log.read_text()
