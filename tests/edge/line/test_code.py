import cv2
import numpy as np
import pytest

from edge.contract.region import Region
from edge.line.code import CodeReader

LEFT = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"]
"""EAN-13's ten digits, set L (ISO/IEC 15420)."""
PARITY = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"]


def ean13(digits):
    """An image of the 12 digits and their check digit."""
    numbers = [*map(int, digits)]
    numbers.append(-sum(number * (3 if place % 2 else 1) for place, number in enumerate(numbers)) % 10)
    inverse = str.maketrans("01", "10")
    sets = {"L": LEFT, "R": [each.translate(inverse) for each in LEFT]}
    sets["G"] = [each[::-1] for each in sets["R"]]
    left = "".join(sets[kind][number] for kind, number in zip(PARITY[numbers[0]], numbers[1:7], strict=True))
    right = "".join(sets["R"][number] for number in numbers[7:])
    bars = [255 * (bar == "0") for bar in f"101{left}01010{right}101"]
    return np.repeat(np.repeat(np.array([bars], np.uint8), 3, 1), 120, 0)


def qr(text):
    return cv2.resize(cv2.QRCodeEncoder.create().encode(text), None, fx=5, fy=5, interpolation=cv2.INTER_NEAREST)


def frame(code, shape=(600, 800), at=(60, 80)):
    pixels = np.full(shape, 220, np.uint8)
    pixels[at[0] : at[0] + code.shape[0], at[1] : at[1] + code.shape[1]] = code
    return pixels


@pytest.mark.parametrize(
    ("kind", "code", "text"), [("qr", qr("A-000482"), "A-000482"), ("barcode", ean13("400638133393"), "4006381333931")]
)
def test_a_code_is_read_in_grey_and_in_colour(kind, code, text):
    reader = CodeReader(kind, Region())
    assert reader.read(frame(code)) == text
    assert reader.read(np.dstack([frame(code)] * 3)) == text


@pytest.mark.parametrize("kind", ["qr", "barcode"])
def test_without_a_code_there_is_no_text(kind):
    reader = CodeReader(kind, Region())
    for pixels in (np.full((300, 500), 220, np.uint8), np.zeros((1, 1), np.uint8), frame(qr("A-1"))[:100]):
        assert reader.read(pixels) == ""


def test_codes_are_read_in_their_region_alone():
    pixels = np.hstack([frame(qr("left")), frame(qr("right"))])
    assert CodeReader("qr", Region(width=0.5)).read(pixels) == "left"
    assert CodeReader("qr", Region(left=0.5, width=0.5)).read(pixels) == "right"


def test_an_id_is_one_line_and_not_too_long(monkeypatch):
    monkeypatch.setattr("edge.line.code.LONGEST", 20)  # a small code is read each time
    found = CodeReader("qr", Region()).read(frame(qr("A\n\x07-7" + "x" * 30)))
    assert found == "A-7" + "x" * 17
