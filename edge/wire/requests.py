"""Commands and their answers as frames: pure, no sockets. PROTOCOL.md is the specification."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, get_args

import msgspec

from edge.contract.cam import Thresholds
from edge.contract.settings import RecipeName
from edge.contract.typed import decode_json
from edge.contract.types import Decision, Label, plain
from edge.errors import WireError
from edge.wire.messages import SCHEMA
from edge.wire.present import Present
from edge.wire.queries import LookBack
from edge.wire.texts import INSPECTION_ID, Code, FilePath, InspectionId, Name, Part, RequestId, Text

LARGEST_REQUEST = 16 * 1024
"""Bytes of a request; what is larger is answered `too_large`."""
LARGEST_FRAME = 64 * 1024
"""Bytes of a frame; the peer that sends a larger one is cut off, and gets no answer."""


class ErrorCode(StrEnum):
    """Why a request was not carried out; the table in PROTOCOL.md."""

    BAD_FRAMES = "bad_frames"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    BAD_REQUEST = "bad_request"
    UNSUPPORTED_SCHEMA = "unsupported_schema"
    UNKNOWN_COMMAND = "unknown_command"
    UNKNOWN_INSPECTION = "unknown_inspection"
    WRONG_STATE = "wrong_state"
    BUSY = "busy"
    DECIDED = "decided"
    FORBIDDEN = "forbidden"
    BAD_BUNDLE = "bad_bundle"
    BAD_RECIPE = "bad_recipe"
    REFUSED = "refused"
    INTERNAL = "internal"


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="status"):
    """How the station is."""


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="start"):
    """Inspect what the line triggers, until `Stop`."""


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="stop"):
    """Inspect no more."""


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="trigger"):
    """Inspect the part in front of the camera, once."""

    part: Part = ""


class Decide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="decide"):
    """An operator's decision on an inspection. `code` is one of the station's reasons, `reason` free text.

    `replaces`: the request id of the decision that the operator knew to stand, empty for none; None: whatever stands.
    """

    inspection: InspectionId
    decision: Decision
    operator: Name
    reason: Text = ""
    code: Code = ""
    replaces: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9._:-]*\Z")] | None = None


class Undo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="undo"):
    """Takes back the decision that was made under this request id, as long as it stands."""

    decision: RequestId
    operator: Name


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="pause"):
    """Inspect no more until `Resume`, over restarts too."""

    operator: Name
    reason: Text = ""


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="resume"):
    """Go on after `Pause`."""

    operator: Name


class SetThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="threshold"):
    """Other thresholds for the recipe in use, once the known frames are judged right by them."""

    thresholds: Thresholds
    operator: Name
    reason: Text = ""


class Protect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="protect"):
    """Keeps an inspection and its image whatever the journal's bounds are; `on` false ends that."""

    inspection: InspectionId
    operator: Name
    on: bool = True


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="waiting"):
    """REVIEW parts that nobody has decided, oldest first, over all boots: those after `after`, if given.

    `maps`: with their maps.
    """

    after: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{8}-[0-9]{1,18})?\Z")] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    maps: bool = True


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="decisions"):
    """All that was decided on one inspection."""

    inspection: InspectionId


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="load"):
    """Judge with another bundle, once it has proved itself. `bundle` is its folder on the station's disk."""

    bundle: FilePath


class Rollback(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="rollback"):
    """Judge with the bundle before this one again."""


class Changeover(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="changeover"):
    """Inspect another product, by the recipe of that name."""

    recipe: RecipeName


class Interlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="interlock"):
    """Judge the known frames now."""


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="golden"):
    """Inspect the known part in front of the camera: it must be judged right, and is rejected in any case."""

    label: Label


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="replay"):
    """Results once more, from the journal: those recorded after the inspection `after`, of this boot and later ones.

    `BOOT-0` stands for the beginning of a boot. `maps`: with their maps.
    """

    after: InspectionId
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    maps: bool = True


Query = Status | Replay | Waiting | Decisions | LookBack | Present
"""What only asks."""
Order = (
    Start | Stop | Pause | Resume | Trigger | Decide | Undo | Protect | Load | Rollback | Changeover | SetThresholds
    | Interlock | Golden
)  # fmt: skip
"""What is carried out once, however often it comes under one request id."""
Command = Query | Order
COMMANDS = frozenset(str(each.__struct_config__.tag) for each in get_args(Command))


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it is on the wire."""

    schema: int
    request_id: RequestId
    command: Command


class _Id(msgspec.Struct):
    request_id: RequestId


class _Version(msgspec.Struct):
    schema: int


class _Named(msgspec.Struct):
    name: str


class _Outline(msgspec.Struct):
    command: _Named


class Failure(msgspec.Struct, frozen=True):
    """Why not. `code` is one of `ErrorCode`, or one that a newer okng knows."""

    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one request: `result` when `ok`, else `error`. `request_id` is empty where none could be read."""

    schema: int
    request_id: str
    ok: bool
    result: dict[str, Any] | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A valid request. `route` are the frames that lead the answer back; `user` is the client's public key, if any."""

    route: tuple[bytes, ...]
    request_id: str
    command: Command
    user: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no."""

    route: tuple[bytes, ...]
    request_id: str
    code: ErrorCode
    message: str


def parse_after(inspection: str) -> tuple[str, int]:
    """Boot and sequence of an inspection's id. Raises WireError when it is none."""
    if not re.fullmatch(INSPECTION_ID, inspection):
        raise WireError(f"{inspection!r}: not an inspection's id, such as 3f9a01c2-17")
    boot, _, sequence = inspection.partition("-")
    return boot, int(sequence)


def encode_request(request_id: str, command: Command) -> bytes:
    """The frame that asks for `command`."""
    return msgspec.json.encode(Envelope(SCHEMA, request_id, command))


def decode_request(frames: Sequence[bytes]) -> Request | Refusal:
    """What a peer asks, from the frames as a ROUTER receives them; whatever they hold, no error is raised."""
    delimited = len(frames) == 3 and not frames[1]
    route = tuple(frames[:2]) if delimited else tuple(frames[:1])
    if len(frames) != 2 and not delimited:
        return Refusal(route, "", ErrorCode.BAD_FRAMES, f"a request is one frame; got {len(frames) - 1}")
    data = frames[-1]
    if len(data) > LARGEST_REQUEST:
        return Refusal(route, "", ErrorCode.TOO_LARGE, f"{len(data)} bytes; at most {LARGEST_REQUEST}")
    try:
        envelope = decode_json(data, Envelope)
    except msgspec.ValidationError as error:
        return _explain(route, data, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal(route, "", ErrorCode.BAD_JSON, str(error))
    if envelope.schema != SCHEMA:
        return _unsupported(route, envelope.request_id, envelope.schema)
    return Request(route, envelope.request_id, envelope.command)


def answer_frames(request: Request, result: Mapping[str, Any]) -> list[bytes]:
    """The answer that it was done. `result` is what JSON holds, or structs and dataclasses of that."""
    reply = {"schema": SCHEMA, "request_id": request.request_id, "ok": True, "result": result}
    return [*request.route, msgspec.json.encode(reply)]


def refusal_frames(refusal: Refusal) -> list[bytes]:
    """The answer that it was not done, and why."""
    failure = Failure(refusal.code.value, plain(refusal.message)[:1000])
    reply = Reply(schema=SCHEMA, request_id=refusal.request_id, ok=False, error=failure)
    return [*refusal.route, msgspec.json.encode(reply)]


def decode_reply(data: bytes) -> Reply:
    """Raises WireError when it is no reply, or of another schema."""
    try:
        reply = decode_json(data, Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a reply: {error}") from None
    if reply.schema != SCHEMA:
        raise WireError(f"a reply of schema {reply.schema}; this okng reads {SCHEMA}: update the older of the two")
    if (reply.result is None) is reply.ok or (reply.error is None) is not reply.ok:
        raise WireError("not a reply: it has a result exactly when ok, and an error exactly when not")
    return reply


def _explain(route: tuple[bytes, ...], data: bytes, said: str) -> Refusal:
    """JSON that is no request: the closest code, and the request's id where that much can be read."""
    if not _is_json(data):
        return Refusal(route, "", ErrorCode.BAD_JSON, "not JSON in UTF-8, or nested too deep")
    found = _read(data, _Id)
    request_id = found.request_id if found else ""
    version, outline = _read(data, _Version), _read(data, _Outline)
    if version and version.schema != SCHEMA:
        return _unsupported(route, request_id, version.schema)
    if outline and outline.command.name not in COMMANDS:
        message = f"no command {outline.command.name[:40]!r}; there are {', '.join(sorted(COMMANDS))}"
        return Refusal(route, request_id, ErrorCode.UNKNOWN_COMMAND, message)
    return Refusal(route, request_id, ErrorCode.BAD_REQUEST, said)


def _unsupported(route: tuple[bytes, ...], request_id: str, schema: int) -> Refusal:
    message = f"schema {schema}; this okng answers {SCHEMA}: update the older of the two"
    return Refusal(route, request_id, ErrorCode.UNSUPPORTED_SCHEMA, message)


def _is_json(data: bytes) -> bool:
    try:
        decode_json(data, Any)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _read(data: bytes, kind: type[Any]) -> Any | None:
    try:
        return decode_json(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
