"""Which epoch ``best.ckpt`` holds, by validation scores that are given."""

import math
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader

from fidip.tasks import Checkpoints, PoseTask
from tests.tasks.toy_fidip import ToyCodec, ToyData, ToyNet, fit, half_square


class ScriptedTask(PoseTask):
    """Logs the given score after each epoch."""

    def __init__(self, scores):
        super().__init__(
            net=ToyNet(),
            codec=ToyCodec(),
            optimizer=partial(torch.optim.SGD, lr=0.1),
            loss=half_square,
        )
        self.scores = scores

    def validation_step(self, batch, batch_idx):
        pass

    def on_validation_epoch_end(self):
        self.log("val/OKS", torch.tensor(self.scores[self.current_epoch]))


class ValidatedData(ToyData):
    def val_dataloader(self):
        return DataLoader([0.0], batch_size=None)


def best_epoch(folder, scores):
    """Return the epoch of ``best.ckpt`` and the score of its callback after a complete run."""
    callback = Checkpoints(folder)
    fit(
        ScriptedTask(scores),
        epochs=len(scores),
        callbacks=[callback],
        data=ValidatedData(),
        num_sanity_val_steps=0,
    )
    best = torch.load(folder / "best.ckpt", weights_only=False)
    last = torch.load(folder / "last.ckpt", weights_only=False)
    assert last["callbacks"]["Checkpoints"]["best"] == max(
        score for score in scores if not math.isnan(score)
    )
    return best["epoch"]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.5, 0.25, 0.375], 0),
        ([0.25, 0.5, 0.375], 1),
        ([0.25, 0.375, 0.5], 2),
        ([0.5, 0.5], 0),  # of equal scores the first
        ([-0.5, -0.25], 1),
        ([0.0, 0.0], 0),
        ([math.nan, 0.25], 1),
        ([0.25, math.nan], 0),
    ],
)
def test_best_ckpt_is_of_the_epoch_with_the_highest_score(tmp_path, scores, expected):
    assert best_epoch(tmp_path, scores) == expected


def test_a_resumed_run_keeps_a_best_epoch_before_the_interruption(tmp_path):
    data = {"data": ValidatedData(), "num_sanity_val_steps": 0}
    fit(ScriptedTask([0.5]), callbacks=[Checkpoints(tmp_path)], **data)
    resumed = ScriptedTask([0.5, 0.25, 0.375])
    fit(
        resumed,
        epochs=3,
        callbacks=[Checkpoints(tmp_path)],
        ckpt_path=tmp_path / "last.ckpt",
        **data,
    )
    assert torch.load(tmp_path / "best.ckpt", weights_only=False)["epoch"] == 0
