"""The benchmark of a step compares a task with a plain loop that does the same."""

from collections import Counter

import pytest
from torch.nn.modules.module import register_module_forward_hook

from fidip.nn import PoseNet
from tests.conftest import load_script

STEPS = 2


def passes_of(run, steps):
    """Shapes of the crops in forward passes of pose networks, and how often, in one step."""
    counted = Counter()

    def count(module, inputs, output):
        if isinstance(module, PoseNet):
            counted[tuple(inputs[0].shape), output.heatmaps.requires_grad] += 1

    hook = register_module_forward_hook(count)
    try:
        run()
    finally:
        hook.remove()
    return {what: number / steps for what, number in counted.items()}


@pytest.mark.parametrize("method", ["adversarial", "mean_teacher", "replay"])
def test_the_plain_loop_makes_the_passes_of_the_task(method, monkeypatch):
    step = load_script("benchmarks/step.py")
    monkeypatch.setattr(step, "WARM_UP", 0)
    monkeypatch.setattr(step, "STEPS", STEPS)
    task = step.make_task(method)
    batch = step.make_batch(task, size=6)
    under_trainer = passes_of(lambda: step.with_lightning(task, batch), STEPS + 1)
    bare = passes_of(lambda: step.with_bare_loop(step.PLAIN[method](task, batch)), STEPS)
    assert bare == under_trainer
    assert sum(bare.values()) == {"adversarial": 1, "mean_teacher": 1 + 6, "replay": 2}[method]
