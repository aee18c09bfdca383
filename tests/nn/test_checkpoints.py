import pickle

import pytest
import pytorch_lightning as pl
import torch
from safetensors import safe_open
from torch import nn

from fidip.errors import CheckpointError
from fidip.nn import checkpoints, load_weights, save_weights


def make_net(seed=0, width=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))


def same(net, other):
    ours, theirs = net.state_dict(), other.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


class Task(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.domain_head = make_net(), nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        return self.net(batch).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


@pytest.fixture
def saved(tmp_path):
    save_weights(make_net(), tmp_path / "w.safetensors", {"experiment": "pretrain_demo"})
    return tmp_path / "w.safetensors"


@pytest.fixture
def lightning(tmp_path):
    task = Task()
    trainer = pl.Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(task, torch.utils.data.DataLoader(torch.randn(4, 3, 2, 2), batch_size=2))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    return task.net, tmp_path / "last.ckpt"


def test_safetensors_round_trip(saved):
    net = make_net(seed=1).to(memory_format=torch.channels_last)
    report = load_weights(net, str(saved))
    assert same(net, make_net())
    assert set(report.loaded) == set(net.state_dict())
    assert (report.unused, report.missing) == ((), ())
    assert str(report) == f"weights: 7 tensors from {saved}"
    with safe_open(saved, "pt") as file:
        assert file.metadata() == {"experiment": "pretrain_demo"}


def test_lightning_checkpoint(lightning):
    trained, path = lightning
    net = make_net(seed=1)
    report = load_weights(net, path)
    assert same(net, trained)
    assert report.unused == ()  # the domain head is not the network's


def test_unused_tensors_are_reported(tmp_path):
    save_weights(make_net(), tmp_path / "more.safetensors", {})
    report = load_weights(make_net()[:1], tmp_path / "more.safetensors")
    assert len(report.unused) == 5
    assert str(report).endswith(
        "; unused: 1.bias, 1.num_batches_tracked, 1.running_mean and 2 more"
    )


def test_bundled_weights(saved, monkeypatch):
    (saved.parent / "weights").mkdir()
    saved.rename(saved.parent / "weights" / "tiny.safetensors")
    monkeypatch.setattr(checkpoints, "files", lambda package: saved.parent)
    net = make_net(seed=1)
    load_weights(net, "bundled:tiny")
    assert same(net, make_net())
    with pytest.raises(CheckpointError, match=r"bundled:huge.*\(tiny\)"):
        load_weights(net, "bundled:huge")


class Evil:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def cut(path, new):
    new.write_bytes(path.read_bytes()[:-200])


BAD = {
    "missing.ckpt": (lambda p: None, "there is no such file"),
    "folder.ckpt": (lambda p: p.mkdir(), "there is no such file"),
    "weights.h5": (lambda p: p.write_text("x"), r"read from .ckpt or .safetensors"),
    "empty.ckpt": (lambda p: p.write_bytes(b""), "not a checkpoint, or cut short"),
    "text.ckpt": (lambda p: p.write_text("hello\n"), "not a checkpoint, or cut short"),
    "pickle.ckpt": (lambda p: p.write_bytes(pickle.dumps({})), "not a checkpoint"),
    "zip.ckpt": (lambda p: torch.save([1], p), "holds no tensors"),
    "bare.ckpt": (lambda p: torch.save(make_net().state_dict(), p), "holds no tensors"),
    "evil.ckpt": (lambda p: torch.save({"state_dict": Evil(p.with_name("pwned"))}, p), "run code"),
    "empty.safetensors": (lambda p: p.write_bytes(b""), "not a safetensors file"),
    "text.safetensors": (lambda p: p.write_text("hello, world\n"), "not a safetensors file"),
    "wide.safetensors": (
        lambda p: save_weights(make_net(width=4), p, {}),
        r"wrong shapes: 0.weight \(4, 3, 1, 1\) instead of \(3, 3, 1, 1\), .* and 3 more",
    ),
    "part.safetensors": (lambda p: save_weights(make_net()[:1], p, {}), r"has no 1.weight, .*net="),
}


def assert_refused(path, message):
    net = make_net(seed=1)
    with pytest.raises(CheckpointError, match=message) as error:
        load_weights(net, path)
    assert path.name in str(error.value)
    assert "\n" not in str(error.value)
    assert same(net, make_net(seed=1))


@pytest.mark.parametrize("name", BAD)
def test_bad_file(name, tmp_path):
    make, message = BAD[name]
    make(tmp_path / name)
    assert_refused(tmp_path / name, message)
    assert not (tmp_path / "pwned").exists()


def test_cut_short(saved, lightning, tmp_path):
    for path in (saved, lightning[1]):
        short = tmp_path / f"short{path.suffix}"
        cut(path, short)
        assert_refused(short, "cut short")
