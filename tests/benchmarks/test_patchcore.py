"""The arithmetic of the one-class baseline."""

import numpy as np

from benchmarks.accuracy import patchcore


def test_the_nearest_are_those_of_all_pairs_block_by_block(monkeypatch):
    monkeypatch.setattr(patchcore, "BLOCK", 7)
    rng = np.random.default_rng(0)
    patches, bank = (rng.normal(size=(count, 5)).astype(np.float32) for count in (9, 20))
    bank[13] = patches[4]
    wanted = np.linalg.norm(patches[:, None] - bank[None], axis=2).min(axis=1)
    np.testing.assert_allclose(patchcore.nearest(patches, bank), wanted, atol=2e-3)


def test_a_coreset_holds_what_is_rare():
    points = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    points[321] += 50
    chosen = patchcore.coreset(points, 20)
    assert chosen[1] == 321, "the farthest from the first"
    assert len(set(chosen)) == 20
    assert sorted(patchcore.coreset(points[:4], 20)) == [0, 1, 2, 3]
