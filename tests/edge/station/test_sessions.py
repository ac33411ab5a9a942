"""Who may sign in, and for how long: PINs are hashed, guesses cost time, what was removed holds at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from edge.errors import UsageError
from edge.station import audit as audits
from edge.station import people as peoples
from edge.station.audit import Audit
from edge.station.people import People, Person, check_person, hashed, matches, read_people, write_people
from edge.station.sessions import FREE_GUESSES, LONGEST_WAIT_S, Session, Sessions, Wrong
from edge.wire.allowed import Role

PIN, IDLE_S = "271828", 300.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """Sessions of Ann, an operator, and Eve, an engineer; both have the same PIN."""

    def __init__(self, folder) -> None:
        self.file, self.log, self.clock = folder / "people.toml", folder / "people.log", Clock()
        self.people = {"Ann": Person(Role.OPERATOR, hashed(PIN)), "Eve": Person(Role.ENGINEER, hashed(PIN))}
        write_people(self.file, self.people)
        self.sessions = Sessions(People(self.file), Audit(self.log), IDLE_S, self.clock)

    def sign_in(self, name: str = "Ann", pin: str = PIN) -> Session | Wrong:
        return asyncio.run(self.sessions.sign_in(name, pin, "127.0.0.1"))

    def done(self) -> list[str]:
        return [json.loads(line)["did"] for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def cheap(monkeypatch) -> None:
    monkeypatch.setattr(peoples, "COST", 2)


@pytest.fixture
def door(tmp_path, cheap) -> Door:
    return Door(tmp_path)


def test_the_right_pin_gives_the_role_and_the_log_says_so(door) -> None:
    ann, eve = door.sign_in(), door.sign_in("Eve")
    assert [door.sessions.role(each) for each in (ann, eve, None)] == [Role.OPERATOR, Role.ENGINEER, Role.VIEWER]
    assert ann.token != eve.token
    assert door.done() == ["signed_in", "signed_in"]


@pytest.mark.parametrize(("name", "pin"), [("Ann", "271829"), ("Ann", ""), ("Bob", PIN), ("", ""), ("Ann", "x" * 999)])
def test_anything_else_does_not(door, name, pin) -> None:
    assert door.sign_in(name, pin) == Wrong(0.0)


def test_each_wrong_pin_after_the_first_few_costs_twice_the_wait_and_meanwhile_none_is_looked_at(door) -> None:
    assert [door.sign_in(pin="000111").wait_s for _ in range(FREE_GUESSES)] == [0.0] * FREE_GUESSES
    waits = []
    for _ in range(12):
        waits.append(door.sign_in(pin="000111").wait_s)
        assert isinstance(door.sign_in(), Wrong), "the right one neither"
        door.clock.now += waits[-1]
    assert waits == [min(LONGEST_WAIT_S, 2.0**power) for power in range(1, 13)]
    assert isinstance(door.sign_in("Eve"), Session), "others are not kept out"
    assert isinstance(door.sign_in(), Session)
    assert door.sign_in(pin="000111").wait_s == 0.0, "who got in begins anew"
    assert door.done().count("wrong_pin") == FREE_GUESSES + 12 + 1


def test_guesses_at_once_are_looked_at_one_after_the_other(door) -> None:
    async def many() -> list[Session | Wrong]:
        return await asyncio.gather(*(door.sessions.sign_in("Ann", "000111", "") for _ in range(50)))

    assert sum(each.wait_s > 0 for each in asyncio.run(many())) == 50 - FREE_GUESSES
    assert door.done().count("wrong_pin") == FREE_GUESSES + 1


def test_a_session_ends_when_nobody_touches_the_page(door) -> None:
    ann = door.sign_in()
    door.clock.now += IDLE_S
    door.sessions.touch(ann)
    door.clock.now += IDLE_S
    assert door.sessions.role(ann) is Role.OPERATOR
    door.clock.now += 0.1
    assert door.sessions.role(ann) is Role.VIEWER
    door.sessions.touch(ann)
    assert (door.sessions.role(ann), ann.ended) == (Role.VIEWER, "timed_out")
    assert door.sessions.resume(ann.token) is None
    assert door.done() == ["signed_in", "timed_out"]


def test_a_browser_goes_on_by_its_token_until_it_signs_out(door) -> None:
    ann = door.sign_in()
    assert door.sessions.resume(ann.token) is ann
    assert door.sessions.resume("guessed") is door.sessions.resume("") is None
    door.sessions.sign_out(ann)
    door.sessions.sign_out(ann)
    assert door.sessions.resume(ann.token) is None
    assert door.done() == ["signed_in", "signed_out"]


@pytest.mark.parametrize(
    "left", [{}, {"Ann": Person(Role.OPERATOR, "scrypt:00:00")}], ids=["removed", "with another PIN"]
)
def test_what_is_changed_in_the_file_holds_at_once(door, left) -> None:
    ann = door.sign_in()
    write_people(door.file, left)
    assert (door.sessions.role(ann), ann.ended) == (Role.VIEWER, "ended")


def test_another_role_holds_at_once_too(door) -> None:
    ann = door.sign_in()
    write_people(door.file, {"Ann": Person(Role.ENGINEER, door.people["Ann"].secret)})
    assert door.sessions.role(ann) is Role.ENGINEER


@pytest.mark.parametrize("spoil", [lambda path: path.chmod(0o644), lambda path: path.write_text("no toml")])
def test_a_file_that_cannot_be_trusted_any_more_lets_nobody_in(door, spoil) -> None:
    ann = door.sign_in()
    spoil(door.file)
    assert door.sessions.role(ann) is Role.VIEWER
    assert isinstance(door.sign_in(), Wrong)


def test_the_file_has_no_pin_and_is_its_owners_alone(door) -> None:
    assert PIN not in door.file.read_text()
    assert door.people["Ann"].secret != door.people["Eve"].secret, "each has a salt of its own"
    assert {each.stat().st_mode & 0o777 for each in (door.file, door.log)} == {0o600}
    assert read_people(door.file) == door.people
    assert {*door.file.parent.iterdir()} == {door.file, door.log}, "nothing is left behind"


def test_names_of_any_language_are_kept(tmp_path) -> None:
    people = {name: Person(Role.OPERATOR, "scrypt:00:11") for name in ("Jörg Müller", 'x"]\\', "李")}
    write_people(tmp_path / "people.toml", people)
    assert read_people(tmp_path / "people.toml") == people


@pytest.mark.parametrize(
    ("data", "said"),
    [('["Ann"]\nrole = "viewer"\nsecret = "scrypt:00:11"', "viewer"), ('["Ann"]\nrole = "operator"', "secret"),
     ('["Ann"]\nrole = "operator"\nsecret = "1234"', "okng people set"), ("\x00", "people.toml")],
)  # fmt: skip
def test_a_damaged_file_is_said(tmp_path, data, said) -> None:
    path = tmp_path / "people.toml"
    path.touch(0o600)
    path.write_text(data)
    with pytest.raises(UsageError, match=said):
        read_people(path)


@pytest.mark.parametrize(
    ("name", "pin"),
    [("", PIN), (" Ann", PIN), ("A\nnn", PIN), ("x" * 61, PIN), ("Ann", "12345"), ("Ann", "111111"), ("Ann", "12\t456"),
     ("Ann", "1" * 201)],
)  # fmt: skip
def test_bad_names_and_easy_pins_are_refused(name, pin) -> None:
    with pytest.raises(UsageError):
        check_person(name, pin)


def test_a_hash_is_matched_by_its_pin_alone() -> None:
    secret = hashed(PIN)
    assert (matches(secret, PIN), matches(secret, "271829")) == (True, False)


def test_the_log_is_bounded_and_keeps_the_last(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(audits, "LARGEST_BYTES", 200)
    audit = Audit(tmp_path / "log")
    for number in range(100):
        audit("Ann", "accept", number=number)
    files = sorted(tmp_path.iterdir())
    assert len(files) <= audits.KEPT + 1
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    numbers = sorted(line["number"] for line in lines)
    assert numbers == [*range(numbers[0], 100)], "no line is lost but the oldest"


def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path) -> None:
    with pytest.raises(UsageError, match="name another with --log"):
        Audit(tmp_path / "absent" / "log")
