from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge.wire
from edge.wire.messages import Topic, decode_message
from edge.wire.requests import COMMANDS, ErrorCode, Reply, Request, decode_reply, decode_request

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
    message = decode_message(frames[:2] if topic in {"state", "statistics", "event"} else frames)
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


def test_the_documents_table_of_codes_is_that_of_the_code() -> None:
    table = TEXT[TEXT.index("| Code |") :]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [code.value for code in ErrorCode]
