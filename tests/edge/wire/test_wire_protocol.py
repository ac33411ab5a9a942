from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

import edge.wire
from edge.contract.events import Event
from edge.wire.frames import decode_message
from edge.wire.messages import Topic
from edge.wire.requests import COMMANDS, ErrorCode, Reply, Request, decode_reply, decode_request
from edge.wire.schemas import FILE, text

TEXT = (Path(edge.wire.__file__).parent / "PROTOCOL.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(json|hex) (\w+)\n(.*?)```", TEXT, re.DOTALL)


def _examples(*kinds: str) -> list[tuple[str, str, str]]:
    """(kind, JSON, hex that follows it, if any)."""
    following = [*EXAMPLES[1:], ("", "", "")]
    return [
        (kind, text, after[2] if after[0] == "hex" else "")
        for (form, kind, text), after in zip(EXAMPLES, following, strict=True)
        if form == "json" and kind in kinds
    ]


@pytest.mark.parametrize(("topic", "header", "data"), _examples(*Topic))
def test_the_documents_messages_are_messages(topic, header, data) -> None:
    frames = [topic.encode(), header.encode(), bytes.fromhex(data)]
    message = decode_message(frames[:2] if topic in {"verdict", "state", "statistics", "event", "decision"} else frames)
    assert message.header.boot == "3f9a01c2"


@pytest.mark.parametrize(("kind", "data", "_"), _examples("request"))
def test_the_documents_requests_are_requests(kind, data, _) -> None:
    assert isinstance(decode_request([b"peer", data.encode()]), Request)


@pytest.mark.parametrize(("kind", "data", "_"), _examples("reply"))
def test_the_documents_replies_are_replies(kind, data, _) -> None:
    assert isinstance(decode_reply(data.encode()), Reply)


def test_the_document_has_an_example_of_each() -> None:
    assert {kind for _, kind, _ in EXAMPLES} == {*Topic, "request", "reply"}
    named = {decode_request([b"", text.encode()]).command.__struct_config__.tag for _, text, _ in _examples("request")}
    assert named == COMMANDS


def test_the_document_has_an_example_of_each_kind_of_event() -> None:
    kinds = {json.loads(text)["event"]["kind"] for _, text, _ in _examples("event")}
    assert kinds == {each.__struct_config__.tag for each in get_args(Event)}


def test_the_documents_table_of_codes_is_that_of_the_code() -> None:
    table = TEXT[TEXT.index("| Code |") :]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [code.value for code in ErrorCode]


SCHEMAS = json.loads(FILE.read_text(encoding="utf-8"))


OPTIONAL = {
    "schema", "result", "error", "quality", "warnings", "faults", "since_ns",
    "kind", "classes", "recipe", "region", "looks", "golden", "reasons", "thresholds", "held", "code", "signal",
}  # fmt: skip


def _valid(name: str, value: object) -> bool:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMAS["$defs"]}).is_valid(value)


def test_the_schemas_are_those_of_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "write them anew: python -m edge.wire.schemas"
    Draft202012Validator.check_schema(SCHEMAS)
    assert {*Topic, "request", "reply"} | {f"{name}.result" for name in COMMANDS} <= SCHEMAS["$defs"].keys()


@pytest.mark.parametrize(("kind", "data", "_"), _examples(*Topic, "request", "reply"))
def test_the_documents_examples_are_what_the_schemas_say(kind, data, _) -> None:
    example = json.loads(data)
    assert _valid(kind, example)
    for field in set(example) - OPTIONAL:
        spoilt = {name: value for name, value in example.items() if name != field}
        assert not _valid(kind, spoilt), field


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_documents_answers_are_what_the_schemas_say(command) -> None:
    requests = [json.loads(data) for _, data, _ in _examples("request")]
    ids = {each["request_id"] for each in requests if each["command"]["name"] == command}
    answers = [json.loads(data) for _, data, _ in _examples("reply")]
    (found,) = [each["result"] for each in answers if each["request_id"] in ids and each["ok"]]
    assert _valid(f"{command}.result", found)
    assert not _valid(f"{command}.result", {})


@pytest.mark.parametrize(
    "request_",
    [
        {"name": "reboot"}, {"name": "status", "more": 1}, {"name": "trigger", "part": "a\nb"}, {"name": "load"},
        {"name": "replay", "after": "3f9a01c2-1", "limit": 0}, {"name": "trigger", "part": "x" * 201},
    ],
)  # fmt: skip
def test_what_the_station_refuses_the_schema_refuses(request_) -> None:
    request = {"schema": 1, "request_id": "r1", "command": request_}
    assert not isinstance(decode_request([b"peer", json.dumps(request).encode()]), Request)
    assert not _valid("request", request)
