"""Two real processes over gloo do what one does."""

import pytest
from pytorch_lightning.strategies import DDPStrategy
from toy_fidip import expected_weights, fit, make_task, pretrained_head


def test_two_processes_take_the_steps_of_one():
    task = make_task(weight=2.0, domain_epochs=2)
    ddp = DDPStrategy(
        start_method="fork", process_group_backend="gloo", find_unused_parameters=True
    )
    trainer = fit(task, batches=3, strategy=ddp, devices=2)
    w, d = expected_weights(2.0, updates=3, d=pretrained_head(6))
    assert trainer.world_size == 2
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)
