"""Frames to label: different ones of all subjects, none of them next to another one."""

from dataclasses import replace

import numpy as np
import pytest

from fidip.inference.frame_selection import CHOICES, FramePool, clusters

COUNT, GAP = 30, 0.5


@pytest.fixture
def pool():
    """Three subjects, two with two videos: 720 frames, 5 per second."""
    rng = np.random.default_rng(0)
    lengths, subjects = [200, 200, 260, 30, 30], [0, 0, 1, 2, 2]
    count = sum(lengths)
    walks = [rng.normal(0, 1, (n, 8)).cumsum(axis=0) for n in lengths]
    walks = [walk / walk.std() + 9 * number for number, walk in enumerate(walks)]
    return FramePool(
        subjects=np.repeat(subjects, lengths),
        videos=np.repeat(np.arange(5), lengths),
        times=np.concatenate([np.arange(n) / 5 for n in lengths]),
        features=np.concatenate(walks).astype(np.float32),
        hashes=rng.random((count, 64)) < 0.5,
        uncertainty=rng.random(count),
        motion=rng.random(count),
        is_found=np.ones(count, bool),
    )


def test_useful_frames_are_spread_over_subjects_and_time(pool):
    rows = CHOICES["useful"](pool, COUNT, 0, GAP)
    assert np.bincount(pool.subjects[rows]).tolist() == [10, 10, 10]
    assert (np.diff(rows) > 0).all()
    for video in range(5):
        times = pool.times[rows[pool.videos[rows] == video]]
        assert (np.diff(times) >= GAP).all()
    chosen = (pool.uncertainty + pool.motion)[rows].mean()
    assert chosen > (pool.uncertainty + pool.motion).mean() + 0.3


def test_rare_poses_are_among_the_useful_frames(pool):
    """Random frames are nearly all of the poses that last longest."""
    poses = np.repeat(np.arange(6), [620, 20, 20, 20, 20, 20])
    rng = np.random.default_rng(1)
    features = 50 * np.eye(8)[poses] + rng.normal(0, 1, (len(pool), 8))
    still = replace(
        pool, features=features.astype(np.float32), subjects=np.zeros(len(pool), np.int64)
    )
    found = {name: set(poses[choose(still, 6, 0, GAP)]) for name, choose in CHOICES.items()}
    assert found["useful"] == set(range(6))
    assert len(found["random"]) < 4


@pytest.mark.parametrize("same", ["features", "hashes"])
def test_near_duplicates_are_not_among_the_useful_frames(pool, same):
    """Pairs of frames, far from each other in time, look alike."""
    features = np.random.default_rng(2).normal(size=(len(pool), 64)).astype(np.float32)
    values = {"features": features, "hashes": pool.hashes.copy()}
    values[same][300:400] = values[same][:100]
    twins = replace(pool, **values)
    rows = CHOICES["useful"](twins, 200, 0, 0.0)
    numbers = np.where((rows >= 300) & (rows < 400), rows - 300, rows)
    assert len(set(numbers.tolist())) == len(rows) > 100
    assert len(CHOICES["useful"](replace(pool, hashes=pool.hashes[:, :0]), 50, 0, 0.0)) == 1


def test_of_a_still_picture_one_frame_is_useful(pool):
    still = replace(pool, features=np.ones_like(pool.features))
    assert len(CHOICES["useful"](still, COUNT, 0, GAP)) == 1
    assert len(CHOICES["random"](still, COUNT, 0, GAP)) == COUNT


def test_few_useful_frames_are_without_the_infant_if_there_are_others(pool):
    is_found = pool.subjects != 0
    is_found[:40] = True
    uncertainty = np.where(is_found, pool.uncertainty, 1.0)
    rows = CHOICES["useful"](replace(pool, is_found=is_found, uncertainty=uncertainty), 30, 0, GAP)
    assert (~is_found[rows]).sum() == 2  # of the ten of the first subject
    empty = replace(pool, is_found=np.zeros(len(pool), bool))
    assert len(CHOICES["useful"](empty, 30, 0, GAP)) == 30


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_depends_on_the_seed_only(pool, name):
    choose = CHOICES[name]
    first = choose(pool, COUNT, 0, GAP)
    assert len(first) == len(set(first.tolist())) == COUNT
    np.testing.assert_array_equal(choose(pool, COUNT, 0, GAP), first)
    differs = choose(pool, COUNT, 1, GAP).tolist() != first.tolist()
    assert differs == (name != "uniform")
    assert len(choose(pool, 10_000, 0, GAP)) <= len(pool)


def test_uniform_frames_have_equal_distances(pool):
    assert np.ptp(np.diff(CHOICES["uniform"](pool, COUNT, 0, GAP))) <= 1


def test_there_may_be_more_clusters_than_different_features():
    features = np.array([[1.0], [1.0], [1.0], [5.0]], np.float32)
    found = clusters(features, 4, np.random.default_rng(0))
    assert sorted(row for rows in found for row in rows.tolist()) == [0, 1, 2, 3]
    assert clusters(features[:0], 4, np.random.default_rng(0)) == []
