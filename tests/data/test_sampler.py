"""Order is tested as sets of keys: what is in which global batch, on which process."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from fidip.core.errors import ConfigError
from fidip.data.sampler import BalancedSampler, EvalSampler, MixedSampler, ShuffledSampler

DOMAINS = [True] * 23 + [False] * 5


def batches(sampler):
    keys = list(sampler)
    assert len(keys) == len(sampler)
    size = sampler.batch_size
    assert len(keys) % size == 0
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def global_batches(make, world_size, batch_size, epoch=0):
    """What all processes together take in each step, sorted."""
    ranks = []
    for rank in range(world_size):
        sampler = make(batch_size=batch_size, seed=3, rank=rank, world_size=world_size)
        sampler.set_epoch(epoch)
        ranks.append(batches(sampler))
    return [sorted(chain.from_iterable(step)) for step in zip(*ranks, strict=True)]


def balanced(**options):
    return BalancedSampler(DOMAINS, **options)


def shuffled(**options):
    return ShuffledSampler(28, **options)


@pytest.mark.parametrize("make", [balanced, shuffled])
def test_a_global_batch_does_not_depend_on_the_number_of_processes(make):
    alone = global_batches(make, 1, 8, epoch=2)
    assert alone == global_batches(make, 2, 4, epoch=2)
    assert alone == global_batches(make, 4, 2, epoch=2)
    assert alone == global_batches(make, 8, 1, epoch=2)


@pytest.mark.parametrize(("world_size", "batch_size"), [(1, 8), (2, 4), (4, 2)])
def test_every_process_gets_half_of_each_domain(world_size, batch_size):
    for rank in range(world_size):
        for batch in batches(balanced(batch_size=batch_size, rank=rank, world_size=world_size)):
            assert sum(DOMAINS[key.index] for key in batch) == batch_size // 2


def test_odd_parts_of_an_even_global_batch_are_balanced_together():
    for batch in global_batches(balanced, 2, 5):
        assert sum(DOMAINS[key.index] for key in batch) == 5


def test_an_epoch_is_one_pass_over_the_larger_domain():
    keys = list(balanced(batch_size=8))
    assert len(keys) == 48  # 6 batches of 4 synthetic ones hold the 23
    synthetic = Counter(key.index for key in keys if DOMAINS[key.index])
    assert set(synthetic) == set(range(23))
    assert sum(synthetic.values()) == 24
    real = Counter(key.index for key in keys if not DOMAINS[key.index])
    assert set(real) == {23, 24, 25, 26, 27}
    assert max(real.values()) - min(real.values()) <= 1


def test_no_draw_comes_twice():
    epochs = chain.from_iterable(global_batches(balanced, 2, 4, epoch) for epoch in range(3))
    keys = list(chain.from_iterable(epochs))
    assert len(set(keys)) == len(keys)


def test_passes_over_the_smaller_domain_differ_in_order():
    real = [key for key in balanced(batch_size=8) if not DOMAINS[key.index]]
    orders = {tuple(k.index for k in real if k.repeat == n) for n in range(4)}
    assert len(orders) > 1


@pytest.mark.parametrize("make", [balanced, shuffled])
def test_epochs_and_seeds_differ_and_repeat_themselves(make):
    def order(seed, epoch):
        sampler = make(batch_size=8, seed=seed)
        sampler.set_epoch(epoch)
        assert {key.epoch for key in sampler} == {epoch}
        return [key.index for key in sampler]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_a_shuffle_takes_all_once_and_fills_the_last_batch():
    keys = list(ShuffledSampler(10, batch_size=4))
    assert sorted(key.index for key in keys if key.repeat == 0) == list(range(10))
    assert [key.repeat for key in keys[10:]] == [1, 1]


def test_a_data_set_smaller_than_a_batch_fills_one():
    keys = list(ShuffledSampler(3, batch_size=8))
    assert [key.repeat for key in keys] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_an_odd_global_batch_cannot_be_balanced():
    with pytest.raises(ConfigError, match=r"batch_size=5: in 1 process\(es\) cannot be"):
        balanced(batch_size=5)


@pytest.mark.parametrize(("count", "world_size"), [(7, 1), (7, 2), (8, 3), (2, 4)])
def test_evaluation_takes_each_sample_once_over_all_processes(count, world_size):
    samplers = [EvalSampler(count, rank, world_size) for rank in range(world_size)]
    keys = [key for sampler in samplers for key in sampler]
    assert sorted(key.index for key in keys) == list(range(count))
    assert sum(len(sampler) for sampler in samplers) == count


def test_every_process_has_replayed_samples():
    groups = [np.arange(0, 6, 2), np.arange(1, 6, 2), np.arange(6, 12)]
    samplers = [MixedSampler(groups, 3, rank=rank, world_size=2) for rank in range(2)]
    for keys in map(list, samplers):
        assert all(any(key.index >= 6 for key in keys[i : i + 3]) for i in range(0, len(keys), 3))
    with pytest.raises(ConfigError, match=r"batch_size=2: leaves .* expected at least 3"):
        MixedSampler(groups, 2, world_size=3)


@pytest.mark.parametrize("make", [balanced, shuffled])
def test_an_interrupted_epoch_continues_with_its_next_batch(make):
    sampler = make(batch_size=4, seed=3)
    sampler.set_epoch(2)
    whole = batches(sampler)
    sampler.set_position(2, 3)
    assert list(sampler) == list(chain.from_iterable(whole[3:]))
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(sampler)
