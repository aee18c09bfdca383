"""Withheld labels of the target must not reach a loss, a selection or a normalisation."""

import json

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from fidip.core.errors import ConfigError
from fidip.tasks import Checkpoints
from tests.adapt.test_methods import NAMES, Losses, compose, fit
from tests.data.test_unlabelled_target import edit, garble, ids, set_up

pytestmark = pytest.mark.forks

SETTINGS = {
    "few labels": ("data.target_labels=2", "data.val_fraction=0.5"),
    "no label": ("data.target_labels=0",),
    "a split": ("data.target_split=train_pre_infant",),
}
ALL = (*SETTINGS["few labels"], *SETTINGS["a split"])
CASES = [*(("finetune", overrides) for overrides in SETTINGS.values())]
CASES += [(name, ALL) for name in NAMES]
TWO = [
    *("data.batch_size=6", "trainer=ddp", "trainer.accelerator=cpu"),
    *("trainer.precision=64-true", "trainer.sync_batchnorm=true"),
    *("+trainer.strategy.start_method=fork", "+trainer.strategy.process_group_backend=gloo"),
]


class Curves(pl.Callback):
    """Collects all values that a run logs, in validation too."""

    def __init__(self):
        self.rows = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.rows.append({name: float(v) for name, v in trainer.callback_metrics.items()})


def train(method, root, folder, overrides):
    """Train with validation; return the weights, the curves, and those of the best checkpoint."""
    always = ("data.batch_size=12", "trainer.limit_val_batches=1.0")
    config = compose(method, root, *always, *overrides)
    curves = Curves()
    task = fit(config, curves, Checkpoints(folder))
    best = folder / "best.ckpt"
    kept = torch.load(best, weights_only=True)["state_dict"] if best.is_file() else {}
    return task.state_dict(), curves.rows, kept


@pytest.mark.parametrize(("method", "overrides"), CASES)
def test_a_withheld_label_changes_nothing(method, overrides, tmp_path, tiny_root, tiny_copy):
    options = instantiate(compose(method, tiny_root, *overrides).data)
    keys = ("target_labels", "target_split", "val_fraction", "seed", "balanced")
    data = set_up(tiny_root, **{key: getattr(options, key) for key in keys})
    withheld = ids(data.train_set.unlabelled.annotations)
    for split in ("train_infant", "train_pre_infant"):
        edit(tiny_copy, split, lambda content: garble(content, withheld))
    clean = train(method, tiny_root, tmp_path / "clean", overrides)
    garbled = train(method, tiny_copy, tmp_path / "garbled", overrides)
    torch.testing.assert_close(garbled, clean, rtol=0, atol=0)
    is_validated = "data.target_labels=0" not in overrides
    assert bool(clean[2]) == is_validated
    assert any("val/OKS" in row for row in clean[1]) == is_validated


@pytest.mark.parametrize("method", ["finetune", "replay"])
def test_two_processes_have_the_losses_of_one_with_unlabelled_images(method, tmp_path, tiny_root):
    few = (
        *("data.target_labels=2", "data.val_fraction=0", "data.balanced=false"),
        *("data.target_split=null", f"data.target_images={tiny_root}/images/train_pre_infant"),
        f"data.target_boxes={tiny_root}/annotations/person_keypoints_train_pre_infant.json",
    )
    one = ("data.batch_size=12", "trainer.precision=64-true")
    for name, overrides in (("one", one), ("two", TWO)):
        fit(compose(method, tiny_root, *few, *overrides), Losses(tmp_path / name))
    rows = [(tmp_path / name).read_text().splitlines() for name in ("one", "two")]
    for first, second in zip(*rows, strict=True):
        assert json.loads(second) == pytest.approx(json.loads(first), rel=0, abs=1e-5)


@pytest.mark.parametrize("method", ["finetune", "l2_sp"])
def test_unlabelled_images_count_with_weight_0_in_the_pose_loss(method, tmp_path, tiny_root):
    """Their gradients come from the labelled part only, and statistics from the whole batch."""
    config = compose(method, tiny_root, "data.batch_size=12", *SETTINGS["few labels"])
    data, task = instantiate(config.data), instantiate(config.task)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    heatmaps = torch.rand(12, 17, 8, 8, requires_grad=True)
    task.pose_loss(heatmaps, batch).backward()
    has_gradient = heatmaps.grad.flatten(1).any(1)
    assert has_gradient.tolist() == (~batch.is_unlabelled).tolist()


@pytest.mark.parametrize(
    ("method", "name"), [("finetune", "PoseTask"), ("l2_sp", "L2SP"), ("easy_hard", "EasyHard")]
)
def test_no_label_at_all_is_one_line(method, name, tiny_root):
    none = ("data.target_labels=0", "data.synthetic_images=0", "data.replay_split=null")
    with pytest.raises(ConfigError, match=f"method: {name} trains on labelled images, but") as e:
        fit(compose(method, tiny_root, "data.batch_size=6", *none))
    assert "\n" not in str(e.value)
