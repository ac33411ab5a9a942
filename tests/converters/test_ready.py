"""Start weights made ready for int8, by the real network with hardly any steps."""

import numpy as np
import pytest

from converters import ready
from edge.errors import UsageError
from trainer.networks.network import assemble
from trainer.networks.pretrained import shipped_weights
from trainer.networks.registry import recommended

pytestmark = pytest.mark.slow


@pytest.fixture
def few(monkeypatch):
    for name, value in {"SURFACES": 6, "HELD": 4, "CALIBRATION": 4, "STEPS": 8, "BATCH": 2, "SIZE": 64}.items():
        monkeypatch.setattr(ready, name, value)


@pytest.mark.usefixtures("few")
def test_only_what_will_stand_still_has_changed(tmp_path, capsys):
    out = tmp_path / "ready.npz"
    ready.make_ready(shipped_weights(ready.NETWORK), out)
    first = recommended(ready.NETWORK).tuning.layer
    before, after = (
        assemble(ready.NETWORK, (64, 64, 3), 1, str(file)).model for file in (shipped_weights(ready.NETWORK), out)
    )
    still = [layer.name for layer in before.layers]
    still = still[: still.index(first)]
    for layer in before.layers:
        pairs = list(zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True))
        if layer.name.endswith("conv") and "cam" not in layer.name:
            assert all(np.array_equal(a, b) for a, b in pairs) == (layer.name not in still), layer.name
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" steps")[0] for line in said] == [str(number) for number in range(9)]
    assert all("of the variance rounding takes" in line for line in said)


def test_a_place_that_is_taken_is_said_before_the_work(tmp_path):
    (tmp_path / "ready.npz").write_bytes(b"")
    with pytest.raises(UsageError, match="already there"):
        ready.make_ready(shipped_weights(ready.NETWORK), tmp_path / "ready.npz")
