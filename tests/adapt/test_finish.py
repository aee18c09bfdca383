"""Weights that a method finishes when training has ended, in the network and in checkpoints."""

from functools import partial

import pytest
import torch

from fidip.adapt import AddedLoss
from fidip.adapt.combined import Combined
from fidip.tasks import AdaptationTask, AveragedWeights, Checkpoints
from tests.tasks.test_checkpointing import ValidatedData
from tests.tasks.toy_fidip import ToyCodec, ToyNet, half_square, make_batch
from tests.tasks.toy_fidip import fit as fit_toy

RATE = 0.1


class Tenfold(AddedLoss):
    """Multiplies the weight of the toy network by ten when training has ended."""

    def terms(self, step, part):
        return {}

    def finish(self, net, target):
        net.w.mul_(10)


class Unchanged(Tenfold):
    def finish(self, net, target):
        pass


class Data(ValidatedData):
    def target_dataloader(self):
        return [make_batch()]


class ScriptedTask(AdaptationTask):
    """Logs the given score after each epoch."""

    def __init__(self, scores, method):
        super().__init__(
            net=ToyNet(),
            codec=ToyCodec(),
            optimizer=partial(torch.optim.SGD, lr=RATE),
            loss=half_square,
            method=method,
        )
        self.scores = scores

    def validation_step(self, batch, batch_idx):
        pass

    def on_validation_epoch_end(self):
        self.log("val/OKS", torch.tensor(self.scores[self.current_epoch]))


def fit(folder, scores=(0.1,), method=Tenfold, callbacks=(), **settings):
    """Train one update an epoch; return the weight of the network, and those of the files."""
    task = ScriptedTask(scores, method())
    fit_toy(
        task,
        epochs=len(scores),
        callbacks=[*callbacks, Checkpoints(folder)],
        data=Data(),
        num_sanity_val_steps=0,
        **settings,
    )
    return task.net.w.item(), *(weight_of(folder / f"{name}.ckpt") for name in ("best", "last"))


def weight_of(file):
    return torch.load(file, weights_only=True)["state_dict"]["net.w"].item()


def trained(folder, updates):
    """Return the weight after a number of updates, without ``finish``."""
    return fit(folder / str(updates), [0.1] * updates, Unchanged)[0]


def test_the_network_and_both_checkpoints_have_finished_weights(tmp_path):
    first, third = trained(tmp_path, 1), trained(tmp_path, 3)
    found = fit(tmp_path, [0.3, 0.1, 0.2])
    assert found == pytest.approx((10 * third, 10 * first, 10 * third), rel=1e-12)


def test_a_method_that_changes_nothing_leaves_checkpoints_as_they_are(tmp_path):
    fit(tmp_path, method=Unchanged)
    for name in ("best", "last"):
        assert "unfinished" not in torch.load(tmp_path / f"{name}.ckpt", weights_only=True)


def test_a_resumed_run_is_finished_once(tmp_path):
    whole = fit(tmp_path / "whole", [0.1, 0.2, 0.3, 0.0])
    fit(tmp_path / "parts", [0.1, 0.2])
    again = fit(tmp_path / "parts", [0.1, 0.2, 0.3, 0.0], ckpt_path=tmp_path / "parts/last.ckpt")
    assert again == whole
    # With all epochs done, nothing is trained and no file is written.
    fit(tmp_path / "parts", [0.1, 0.2, 0.3, 0.0], ckpt_path=tmp_path / "parts/last.ckpt")
    assert weight_of(tmp_path / "parts/best.ckpt") == whole[1]
    assert weight_of(tmp_path / "parts/last.ckpt") == whole[2]


def test_a_best_checkpoint_of_an_earlier_part_is_not_finished_again(tmp_path):
    scores = [0.3, 0.1, 0.2]
    _, best, _ = fit(tmp_path, scores[:2])
    _, later, _ = fit(tmp_path, scores, ckpt_path=tmp_path / "last.ckpt")
    assert later == best == pytest.approx(10 * trained(tmp_path, 1))


def test_combined_methods_finish_one_after_the_other(tmp_path):
    class Reader(Tenfold):
        def finish(self, net, target):
            assert len(list(target)) == 1
            net.w.add_(1)

    def combined():
        return Combined(methods={"a": Reader(), "b": Tenfold(), "c": Reader()})

    first = trained(tmp_path, 1)
    assert fit(tmp_path, method=combined)[0] == pytest.approx(10 * (first + 1) + 1, rel=1e-12)


def test_averaged_weights_are_finished(tmp_path):
    scores = [0.1, 0.2, 0.3]

    def run(name, scores, method, **settings):
        average = AveragedWeights(decay=0.5)
        return fit(tmp_path / name, scores, method, [average], **settings)

    plain = run("plain", scores, Unchanged)
    assert plain[0] != trained(tmp_path, 3)
    whole = run("whole", scores, Tenfold)
    assert whole == pytest.approx([10 * value for value in plain], rel=1e-12)
    more = {}
    for method in (Unchanged, Tenfold):
        run(method.__name__, scores[:2], method)
        last = tmp_path / method.__name__ / "last.ckpt"
        more[method] = run(method.__name__, scores, method, ckpt_path=last)
    assert more[Tenfold] == pytest.approx([10 * value for value in more[Unchanged]], rel=1e-12)
