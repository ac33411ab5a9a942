import pytest

from edge.line import NoSignal
from tests.edge.line.contract import LineSignalContract


class TestNoSignal(LineSignalContract):
    @pytest.fixture
    def line(self):
        return NoSignal()
