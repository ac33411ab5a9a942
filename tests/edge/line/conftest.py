import sys

import pytest

pytest.register_assert_rewrite("tests.edge.line.contract")


@pytest.fixture
def lgpio(monkeypatch):
    """gpiozero's LGPIOFactory, on a Pi 4 whose lgpio is a double."""
    import gpiozero.pins

    from tests.doubles import lgpio as double

    monkeypatch.delattr(gpiozero.pins, "lgpio", raising=False)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setitem(sys.modules, "lgpio", double)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA03111)
    yield double.reset()
    sys.modules.pop("gpiozero.pins.lgpio", None)
