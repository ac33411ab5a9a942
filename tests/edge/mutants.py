"""Mutants of a TFLite file: what bit rot, broken transfers and fuzzers make of it, and edits that know its structure.

The structure is a FlatBuffer (flatbuffers.dev, "FlatBuffer Internals") of TFLite's schema (schema.fbs, version 3).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PLAIN = ("flip", "bytes", "zeros", "noise", "cut", "splice", "swap", "longer")
FIELDS = ("shape", "type", "buffer", "scale", "zero point", "wiring", "opcode", "offset", "length", "weights")
KINDS = PLAIN + FIELDS
NASTY = (0, 1, -1, 2, 7, 127, 255, 2**15, 2**24, 2**31 - 1, -(2**31))


@dataclass(frozen=True)
class Place:
    """Where a field's value lies: `form` is that of `struct`."""

    kind: str
    position: int
    form: str


class Table:
    """A table of a FlatBuffer."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        self.vtable = position - _read(data, "<i", position)

    def field(self, index: int) -> int | None:
        """Where the field's value or offset lies; None when it is left out."""
        entry = 4 + 2 * index
        if entry >= _read(self.data, "<H", self.vtable):
            return None
        offset = _read(self.data, "<H", self.vtable + entry)
        return self.position + offset if offset else None

    def follow(self, index: int) -> int | None:
        """Where what the field's offset leads to begins."""
        at = self.field(index)
        return None if at is None else at + _read(self.data, "<I", at)

    def vector(self, index: int) -> tuple[int, int]:
        """(position of the first element, number of elements)."""
        at = self.follow(index)
        return (0, 0) if at is None else (at + 4, _read(self.data, "<I", at))

    def tables(self, index: int) -> Iterator[Table]:
        start, count = self.vector(index)
        for at in range(start, start + 4 * count, 4):
            yield Table(self.data, at + _read(self.data, "<I", at))


def places(model: bytes) -> list[Place]:
    """Every field that a mutation can aim at."""
    root = Table(model, _read(model, "<I", 0))
    found = [*_offsets(root), *_vector(root, 4, "offset", "<I")]
    for code in root.tables(1):
        found += [*_field(code, 0, "opcode", "<b"), *_field(code, 2, "opcode", "<i"), *_field(code, 3, "opcode", "<i")]
    for graph in root.tables(2):
        found += [*_offsets(graph), *_vector(graph, 1, "wiring", "<i"), *_vector(graph, 2, "wiring", "<i")]
        for tensor in graph.tables(0):
            found += [*_offsets(tensor), *_vector(tensor, 0, "shape", "<i"), *_vector(tensor, 7, "shape", "<i")]
            found += [*_field(tensor, 1, "type", "<b"), *_field(tensor, 2, "buffer", "<I")]
            if (at := tensor.follow(4)) is not None:
                quantization = Table(model, at)
                found += [*_vector(quantization, 2, "scale", "<f"), *_vector(quantization, 3, "zero point", "<q")]
                found += _field(quantization, 6, "zero point", "<i")
        for operator in graph.tables(3):
            found += [*_offsets(operator), *_field(operator, 0, "opcode", "<I"), *_field(operator, 3, "type", "<B")]
            found += [*_vector(operator, 1, "wiring", "<i"), *_vector(operator, 2, "wiring", "<i")]
    for buffer in root.tables(4):
        start, count = buffer.vector(0)
        found += [Place("length", start - 4, "<I")] if count else []
        found += [Place("weights", start + step, "<b") for step in range(0, count, 97)]
    return found


def mutants(model: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` pairs (kind, mutant), all kinds in turn; no mutant is the model."""
    draw = random.Random(seed)
    by_kind = {kind: [place for place in places(model) if place.kind == kind] for kind in FIELDS}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        mutant = model
        while mutant == model:
            mutant = _plain(model, kind, draw) if kind in PLAIN else _edited(model, by_kind[kind], draw)
        yield kind, mutant


def _plain(model: bytes, kind: str, draw: random.Random) -> bytes:
    mutant, size = bytearray(model), len(model)
    start, length = draw.randrange(size), draw.choice([1, 4, 64, 512, 4096])
    match kind:
        case "flip":
            mutant[start] ^= 1 << draw.randrange(8)
        case "bytes":
            for _ in range(draw.choice([2, 8, 64])):
                mutant[draw.randrange(size)] ^= draw.randrange(1, 256)
        case "zeros":
            mutant[start : start + length] = bytes(len(mutant[start : start + length]))
        case "noise":
            mutant[start : start + length] = draw.randbytes(len(mutant[start : start + length]))
        case "cut":
            del mutant[start:]
        case "splice":
            other = draw.randrange(size)
            mutant[start : start + length] = model[other : other + length]
        case "swap":
            mutant = mutant[start:] + mutant[:start]
        case "longer":
            mutant[start:start] = draw.randbytes(length)
    return bytes(mutant)


def _edited(model: bytes, among: list[Place], draw: random.Random) -> bytes:
    mutant = bytearray(model)
    for place in draw.sample(among, min(len(among), draw.choice([1, 1, 2, 8]))):
        size = struct.calcsize(place.form)
        value = _read(model, place.form, place.position)
        if place.form == "<f":
            new = struct.pack("<f", draw.choice([0.0, -value, value * 1.5, value * 1e-6, 1e30, float("nan"), 1.0]))
        else:
            number = draw.choice([*NASTY, value + 1, value - 1, value * 2, value + 4, draw.randrange(2**31)])
            new = (number % 2 ** (8 * size)).to_bytes(size, "little")
        mutant[place.position : place.position + size] = new
    return bytes(mutant)


def _read(data: bytes, form: str, at: int) -> int:
    return struct.unpack_from(form, data, at)[0]


def _field(table: Table, index: int, kind: str, form: str) -> list[Place]:
    at = table.field(index)
    return [] if at is None else [Place(kind, at, form)]


def _vector(table: Table, index: int, kind: str, form: str) -> list[Place]:
    """The elements, and the number of them."""
    start, count = table.vector(index)
    step = struct.calcsize(form)
    elements = [Place(kind, start + step * each, form) for each in range(count)]
    return [*elements, Place("length", start - 4, "<I")] if start else []


def _offsets(table: Table) -> list[Place]:
    """Where the vtable is, what it says, and what the fields lead to."""
    size = _read(table.data, "<H", table.vtable)
    fields = [table.position + _read(table.data, "<H", at) for at in range(table.vtable + 4, table.vtable + size, 2)]
    vtable = [Place("offset", at, "<H") for at in range(table.vtable, table.vtable + size, 2)]
    return [Place("offset", table.position, "<i"), *vtable, *(Place("offset", at, "<I") for at in fields)]
