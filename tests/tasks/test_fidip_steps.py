"""FidipTask's two steps against the analytic gradients of a toy problem."""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision

from fidip.tasks import step_decay
from tests.tasks.toy_fidip import (
    NormHead,
    ToyData,
    X,
    Y,
    expected_weights,
    fit,
    make_task,
    pretrained_head,
    sigmoid,
)

METHOD = "adversarial"


@pytest.mark.parametrize("weight", [0.0, 0.0005, 2.0])
@pytest.mark.parametrize("updates", [1, 5])
def test_both_steps_follow_their_analytic_gradients(weight, updates):
    task = make_task(weight)
    fit(task, batches=updates)
    w, d = expected_weights(weight, updates)
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)


def test_the_weight_follows_its_schedule_and_the_heads_rate_its_own():
    task = make_task(
        2.0,
        adversarial_schedule=lambda progress: progress**2,
        domain_scheduler=partial(step_decay, milestones=[0.5], gamma=0.1),
    )
    fit(task, batches=4)
    w, d = expected_weights(
        2.0, 4, share=lambda update: (update / 4) ** 2, rate=lambda update: 1 if update < 2 else 0.1
    )
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)


def test_lambda_changes_the_nets_gradient():
    assert expected_weights(0.0, 1)[0] != pytest.approx(expected_weights(2.0, 1)[0], rel=1e-3)


def test_step_two_leaves_no_gradient_in_the_head():
    task = make_task(weight=100.0)
    fit(task)
    x = np.round(255 * X) / 255
    step_one = np.mean((sigmoid(0.9 * 0.7 * x) - Y) * 0.7 * x)
    assert task.domain_head.d.grad.item() == pytest.approx(step_one, rel=1e-6)


def test_the_heads_statistics_move_once_a_batch():
    task = make_task(weight=1.0, head=NormHead)
    fit(task)
    norm = task.domain_head.norm
    assert norm.num_batches_tracked.item() == 1
    mean = (0.7 * np.round(255 * X) / 255).mean()
    assert norm.running_mean.item() == pytest.approx(0.1 * mean, rel=1e-6)


def test_the_run_counts_updates_of_the_net_once():
    task = make_task(weight=1.0)
    trainer = fit(task, batches=3, epochs=2)
    assert trainer.global_step == 6
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == 6


def test_domain_pretraining_moves_the_head_only_and_is_not_a_step_of_the_run():
    task, data, seen = make_task(weight=0.0, domain_epochs=3), ToyData(batches=2), []

    class Spy(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, *args):
            seen.append((trainer.global_step, task.net.w.item(), task.domain_head.d.item()))

    fit(task, callbacks=[Spy()], data=data)
    assert seen[0] == (0, 0.7, pytest.approx(pretrained_head(6), rel=1e-6))
    assert task.domain_epochs_done.item() == 3
    assert task.net.training


def test_domain_pretraining_that_a_checkpoint_holds_is_not_done_again():
    first, second, data = (
        make_task(0.0, domain_epochs=2),
        make_task(0.0, domain_epochs=2),
        ToyData(),
    )
    fit(first)
    second.load_state_dict(first.state_dict())
    fit(second, data=data)
    assert data.domain_passes == 0


def test_an_update_is_clipped_to_the_norm_of_its_gradients():
    free, clipped = make_task(weight=0.0), make_task(weight=0.0, clip_norm=1e-3)
    for task in (free, clipped):
        fit(task)
    assert abs(free.net.w.item() - 0.7) > 0.01
    assert abs(clipped.net.w.item() - 0.7) == pytest.approx(0.1 * 1e-3, rel=1e-3)
    assert abs(clipped.domain_head.d.item() - 0.9) == pytest.approx(0.1 * 1e-3, rel=1e-3)


def test_gradients_are_clipped_after_the_loss_scale_is_undone():
    task = make_task(weight=0.0, clip_norm=1e-3).float()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    fit(task, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    assert abs(task.net.w.item() - 0.7) == pytest.approx(0.1 * 1e-3, rel=2e-2)
    assert abs(task.domain_head.d.item() - 0.9) == pytest.approx(0.1 * 1e-3, rel=2e-2)
