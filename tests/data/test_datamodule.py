"""The data module as a trainer sees it."""

import json
import logging

import hydra
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from fidip.cli import config_dir
from fidip.core.errors import DataError, DatasetMissingError
from fidip.core.samples import Batch
from fidip.data import Augmentation, SyripDataModule

CONFIGS = sorted(path.stem for path in (config_dir() / "data").glob("*.yaml"))


def make_data(root, **options):
    options = {"batch_size": 4, "num_workers": 0, "augment": Augmentation(), **options}
    return SyripDataModule(root=root, input_wh=(48, 64), **options)


def edit(root, split, change):
    path = root / "annotations" / f"person_keypoints_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_the_splits_are_disjoint_and_complete(tiny_root):
    data = make_data(tiny_root, val_fraction=0.5)
    data.setup("fit")
    images = [{a.image_path for a in s.annotations} for s in (data.train_set, data.val_set)]
    assert [len(part) for part in images] == [10, 2]
    assert not images[0] & images[1]
    assert {a.image_path.parent.name for a in data.test_set.annotations} == {"validate_infant"}
    assert len(data.test_set) == 5


def test_what_is_not_trained_on_is_not_remembered(tiny_root):
    data = make_data(tiny_root, val_fraction=0.25, real_images=2, synthetic_images=3)
    data.setup("fit")
    assert [a.is_synthetic for a in data.train_set.annotations].count(False) == 2
    assert len(data.train_set) == 5
    assert len(data.training_images) == 5 + len(data.val_set)


@pytest.mark.parametrize("damage", ["another size", "cut", "other people's folder"])
def test_bad_test_images_are_found_before_training(tiny_copy, damage):
    data = make_data(tiny_copy)
    if damage == "another size":
        edit(tiny_copy, "validate_infant", lambda c: c["images"][3].update(width=50_000))
    elif damage == "cut":
        image = next((tiny_copy / "images/validate_infant").iterdir())
        image.write_bytes(image.read_bytes()[:500])
    else:
        name = "../train_infant/train00001.jpg"
        edit(tiny_copy, "validate_infant", lambda c: c["images"][3].update(file_name=name))
    with pytest.raises(DataError) as error:
        data.setup("fit")
    assert "validate_infant" in str(error.value)
    assert "\n" not in str(error.value)


def test_loaders_yield_batches(tiny_root):
    data = make_data(tiny_root)
    data.setup("fit")
    loaders = {
        "train": (data.train_dataloader(), 12),  # 11, and one again to fill the last batch
        "val": (data.val_dataloader(), 1),
        "test": (data.test_dataloader(), 5),
    }
    for loader, count in loaders.values():
        batches = list(loader)
        assert all(isinstance(batch, Batch) for batch in batches)
        assert sum(map(len, batches)) == count
        assert batches[0].crops.shape[1:] == (3, 64, 48)
        assert batches[0].crops.is_contiguous(memory_format=torch.channels_last)


def test_only_training_is_augmented(tiny_root):
    data = make_data(tiny_root, augment=Augmentation(flip_probability=1), val_fraction=0.25)
    data.setup("fit")
    for loader, mirrored in (
        (data.train_dataloader(), True),
        (data.val_dataloader(), False),
        (data.test_dataloader(), False),
    ):
        for batch in loader:
            assert ((torch.linalg.det(batch.crop_to_image[:, :, :2]) < 0) == mirrored).all()


def test_balanced_batches_are_half_synthetic(tiny_root):
    data = make_data(tiny_root, balanced=True)
    data.setup("fit")
    assert [batch.is_synthetic.mean().item() for batch in data.train_dataloader()] == [0.5] * 4
    assert [batch.is_synthetic.mean().item() for batch in data.domain_dataloader()] == [0.5] * 2


def test_no_fraction_is_no_validation(tiny_root):
    data = make_data(tiny_root, val_fraction=0)
    data.setup("fit")
    assert len(data.train_set) == 12
    assert data.val_dataloader() == []


def test_testing_needs_no_training_split(tiny_copy):
    (tiny_copy / "annotations" / "person_keypoints_train_infant.json").unlink()
    data = make_data(tiny_copy)
    data.setup("test")
    assert len(data.test_set) == 5


def test_domains_matter_only_where_they_are_used(tiny_copy):
    edit(tiny_copy, "train_infant", lambda c: c["images"][5].pop("is_synthetic"))
    make_data(tiny_copy, balanced=False).setup("fit")
    with pytest.raises(DataError, match="is_synthetic is missing for 1 images"):
        make_data(tiny_copy, balanced=True).setup("fit")


def test_domain_pretraining_needs_both_domains(tiny_root):
    data = make_data(tiny_root, domain_split="train_adult")
    data.setup("fit")
    with pytest.raises(DataError, match="all training images are synthetic"):
        data.domain_dataloader()


def test_mistakes_of_the_test_split_show_before_training(tiny_copy):
    edit(tiny_copy, "validate_infant", lambda c: c["annotations"][0].update(area=-1))
    with pytest.raises(DataError, match="area is -1"):
        make_data(tiny_copy).setup("fit")


def test_a_resumed_run_keeps_what_it_has_seen(tiny_root):
    data = make_data(tiny_root)
    data.load_state_dict({"training_images": ["seen before"]})
    data.setup("fit")
    seen = data.state_dict()["training_images"]
    assert len(seen) == 12 + 1
    data.domain_dataloader()
    assert len(data.state_dict()["training_images"]) == 12 + 6 + 1


def test_the_domain_head_sees_no_test_image(tiny_root):
    data = make_data(tiny_root, test_split="train_pre_infant")
    data.setup("fit")
    with pytest.raises(DataError, match="6 of 6 test images are among the training images"):
        data.domain_dataloader()


def test_the_test_split_is_not_trained_on(tiny_root):
    data = make_data(tiny_root, test_split="train_infant")
    with pytest.raises(DataError, match="12 of 12 test images are among the training images"):
        data.setup("fit")
    allowed = make_data(tiny_root, test_split="train_infant", allow_leakage=True)
    allowed.setup("fit")
    assert len(allowed.leaked) == 12


def test_splits_of_any_layout_can_be_chosen(tiny_copy):
    folder = tiny_copy / "annotations"
    (folder / "200R").mkdir()
    (folder / "person_keypoints_train_infant.json").rename(folder / "200R/person_keypoints_a.json")
    (folder / "person_keypoints_validate_infant.json").rename(folder / "validate100.json")
    data = make_data(tiny_copy, train_split="200R", test_split="validate100", val_fraction=0)
    data.setup("fit")
    assert (len(data.train_set), len(data.test_set)) == (12, 5)
    assert data.train_json == folder / "200R/person_keypoints_a.json"
    assert data.test_images == tiny_copy / "images/validate_infant"
    content = json.loads(data.test_json.read_text())
    for record in content["images"]:
        record["file_name"] = f"validate_infant/{record['file_name']}"
    data.test_json.write_text(json.dumps(content))
    data.setup("test")
    assert (len(data.test_set), data.test_images) == (5, tiny_copy / "images")
    assert next(iter(data.train_dataloader())).crops.shape[0] == 4


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(DatasetMissingError, match="there is no dataset"):
        make_data(tmp_path).setup("fit")


def test_whoever_is_left_out_is_logged(tiny_copy, caplog):
    edit(tiny_copy, "train_infant", lambda c: c["annotations"][0].update(iscrowd=1))
    with caplog.at_level(logging.WARNING):
        make_data(tiny_copy).setup("fit")
    assert "11 people, left out 1 crowds" in caplog.text


class Recorder(pl.LightningModule):
    """Learns nothing; remembers which samples came in which epoch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = {}

    def training_step(self, batch, batch_idx):
        self.seen.setdefault(self.current_epoch, []).append(batch.crops.float().mean().item())
        return self.weight.sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_trainer_gets_other_batches_every_epoch(tiny_root, tmp_path, workers):
    task = Recorder()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        default_root_dir=tmp_path,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(task, datamodule=make_data(tiny_root, balanced=True, num_workers=workers))
    assert len(task.seen[0]) == len(task.seen[1]) == 4
    assert not np.allclose(task.seen[0], task.seen[1])


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_makes_a_data_module(name, tiny_root):
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose(
            f"data/{name}",
            [f"data.root={tiny_root}", "data.batch_size=6", "+codec.input_wh=[48,64]", "+seed=3"],
        )
    data = instantiate(config.data)
    assert data.input_wh == (48, 64)
    assert data.seed == 3
    if name not in ("coco", "clips"):  # the tiny dataset lacks their splits
        data.setup("fit")
        assert len(data.test_set) == 5
        assert isinstance(next(iter(data.train_dataloader())), Batch)


def test_the_paper_s_values_are_the_default():
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("data/syrip")
    assert instantiate(config.data.augment, _convert_="all") == Augmentation(
        scale_limits=[0.65, 1.35]
    )
