"""The soak itself, on fewer parts."""

import logging

import pytest

from benchmarks.line_soak import soak


@pytest.mark.slow
def test_all_triggers_are_accounted_for_and_no_part_is_accepted_without_its_own_good_verdict():
    logging.disable(logging.CRITICAL)
    try:
        soaked, injected = soak(3000, seed=1)
    finally:
        logging.disable(logging.NOTSET)
    assert soaked.wrong == []
    assert len(soaked.found) + soaked.untaken.total() == soaked.asked == 3000
    assert injected["camera"]
    assert injected["judge"]
    assert {each.signal for each in soaked.found.values()} == {"accept", "reject"}
