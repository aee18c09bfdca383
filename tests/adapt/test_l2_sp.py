"""L2-SP against closed formulas."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from fidip.adapt.l2_sp import L2SP
from fidip.tasks import AdaptationTask
from tests.adapt.test_dann import BATCH, RATE, Codec, Net, T, X

METHOD = "l2_sp"


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_updates_follow_the_analytic_gradient(weight):
    task = AdaptationTask(
        method=L2SP(weight=weight),
        net=Net(),
        codec=Codec(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=RATE),
        loss=lambda output, target, weight: 0.5 * ((output - target) ** 2).mean(),
    )
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, DataLoader([BATCH] * 4, batch_size=None))
    w = start = 0.7
    for _ in range(4):
        w -= RATE * (np.mean((w * X - T) * X) + weight * (w - start))
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.method.start[0].item() == start
