"""What operators decided: each decision is added, none is changed, and one that is taken back stays on record."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge.contract.types import Decision, Signal
from edge.errors import DecidedMeanwhile, UsageError
from edge.journal.rows import Decided, decided, parse_id

_FIELDS = """
    d.boot_id, d.sequence, d.decision, d.operator, d.reason AS decision_reason, d.request_id, d.decided_ns, d.code,
    d.signal AS decision_signal
"""
_WITH_WITHDRAWAL = f"""
    SELECT {_FIELDS}, d.number, w.request_id AS withdrawal, w.operator AS withdrawn_by, w.withdrawn_ns
    FROM decisions AS d LEFT JOIN withdrawals AS w ON w.decision = d.number
"""
BY_INSPECTION = f"{_WITH_WITHDRAWAL} WHERE d.boot_id = ? AND d.sequence = ? ORDER BY d.number"
_STANDING = f"SELECT {_FIELDS} FROM standing AS d WHERE d.boot_id = ? AND d.sequence = ? ORDER BY d.number DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision to add; see `edge.journal.journal.Journal.decide`."""

    inspection_id: str
    decision: Decision
    operator: str
    reason: str
    request_id: str
    code: str = ""
    replaces: str | None = None


def write_decision(connection: sqlite3.Connection, wanted: Wanted, now_ns: int) -> Decided:
    """As `Journal.decide`, inside a transaction of the caller's."""
    if found := _by_request(connection, wanted.request_id):
        earlier = decided(found)
        if _content(earlier) != _content(wanted):
            raise _used(wanted.request_id)
        return earlier
    if _by_withdrawal(connection, wanted.request_id):
        raise _used(wanted.request_id)
    key = parse_id(wanted.inspection_id)
    query = "SELECT 1 FROM inspections WHERE boot_id = ? AND sequence = ?"
    if key is None or connection.execute(query, key).fetchone() is None:
        raise UsageError(f"no inspection {wanted.inspection_id!r} in the journal")
    if wanted.replaces is not None:
        _refuse_unseen(connection, key, wanted.replaces)
    connection.execute(
        "INSERT INTO decisions (request_id, boot_id, sequence, decision, operator, reason, decided_ns, code) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (wanted.request_id, *key, wanted.decision.value, wanted.operator, wanted.reason, now_ns, wanted.code),
    )
    return Decided(
        wanted.inspection_id, wanted.decision, wanted.operator, wanted.reason, wanted.request_id, now_ns, wanted.code
    )


def write_signal(connection: sqlite3.Connection, request_id: str, signal: Signal) -> None:
    """As `Journal.signalled`, inside a transaction; what was written stays."""
    query = "UPDATE decisions SET signal = ? WHERE request_id = ? AND signal IS NULL"
    connection.execute(query, (signal.value, request_id))


def write_withdrawal(
    connection: sqlite3.Connection, decision: str, operator: str, request_id: str, now_ns: int
) -> Decided:
    """As `Journal.withdraw`, inside a transaction."""
    found = _by_request(connection, decision)
    if done := _by_withdrawal(connection, request_id):
        if found is None or (done["decision"], done["operator"]) != (found["number"], operator):
            raise _used(request_id)
        return decided(found)
    if _by_request(connection, request_id):
        raise _used(request_id)
    if found is None:
        raise UsageError(f"no decision {decision!r} in the journal")
    _refuse_unseen(connection, (found["boot_id"], found["sequence"]), decision)
    connection.execute("INSERT INTO withdrawals VALUES (?, ?, ?, ?)", (found["number"], request_id, operator, now_ns))
    taken_back = _by_request(connection, decision)
    assert taken_back is not None
    return decided(taken_back)


def _refuse_unseen(connection: sqlite3.Connection, key: tuple[str, int], seen: str) -> None:
    """`seen`: the request id of the decision that is thought to stand; empty: none. Raises DecidedMeanwhile."""
    found = connection.execute(_STANDING, key).fetchone()
    if (found["request_id"] if found else "") == seen:
        return
    name = f"{key[0]}-{key[1]}"
    if found is None:
        raise DecidedMeanwhile(f"{name}: that decision was taken back; look again")
    raise DecidedMeanwhile(f"{name}: {found['operator']} has said {found['decision']} meanwhile; look again")


def _by_request(connection: sqlite3.Connection, request_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        f"{_WITH_WITHDRAWAL} WHERE d.request_id = ?", (request_id,)
    ).fetchone()
    return found


def _by_withdrawal(connection: sqlite3.Connection, request_id: str) -> sqlite3.Row | None:
    query = "SELECT decision, operator FROM withdrawals WHERE request_id = ?"
    found: sqlite3.Row | None = connection.execute(query, (request_id,)).fetchone()
    return found


def _content(said: Decided | Wanted) -> tuple[str, ...]:
    return (said.inspection_id, said.decision, said.operator, said.reason, said.code)


def _used(request_id: str) -> UsageError:
    return UsageError(f"request {request_id!r} was already used, for another decision; send it with a new id")
