import pickle

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors import safe_open
from torch import nn

from fidip.core.errors import CheckpointError
from fidip.nn import load_weights, save_weights
from fidip.nn.weights import model_zoo as zoo


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
    save_weights(make_net(), tmp_path / "w.safetensors", {"experiment": "pretrain_coco"})
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
    assert str(report) == (
        f"weights: 7 tensors loaded from {saved} (unknown origin), 0 unused, 0 missing"
    )
    with safe_open(saved, "pt") as file:
        assert file.metadata() == {"experiment": "pretrain_coco"}


def test_lightning_checkpoint(lightning):
    trained, path = lightning
    net = make_net(seed=1)
    report = load_weights(net, path)
    assert same(net, trained)
    assert report.unused == ("domain_head.weight", "domain_head.bias")
    assert "7 tensors" in str(report)
    assert "2 unused (domain_head.weight, domain_head.bias), 0 missing" in str(report)


def test_unused_tensors_are_reported(tmp_path):
    more = nn.Sequential(*make_net(), nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1))
    save_weights(more, tmp_path / "more.safetensors", {})
    report = load_weights(make_net(), tmp_path / "more.safetensors")
    assert sorted(report.unused) == ["2.bias", "2.weight", "3.bias", "3.weight"]
    assert "and 1 more), 0 missing" in str(report)


def test_weights_with_batchnorm_do_not_fit_a_net_without(tmp_path):
    """The others would be loaded, and mean something else without the normalisation."""
    block, path = nn.Sequential(make_net(seed=1)), tmp_path / "w.safetensors"
    save_weights(block, path, {})
    net = nn.Sequential(make_net()[:1])
    with pytest.raises(CheckpointError, match=r"has 1 BatchNorm layers .* lacks \(0\.1\)"):
        load_weights(net, path)
    assert same(net, nn.Sequential(make_net()[:1]))
    assert load_weights(net, path, allow_partial=True).unused
    classifier = nn.Sequential(make_net()[:1], make_net())  # a part that the network lacks
    save_weights(classifier, path, {})
    assert len(load_weights(net, path).unused) == 7


def test_a_part_is_loaded_where_that_is_allowed(tmp_path):
    save_weights(make_net()[:1], tmp_path / "part.safetensors", {})
    net = make_net(seed=1)
    nn.init.normal_(net[1].weight)
    norm = net[1].weight.clone()
    report = load_weights(net, tmp_path / "part.safetensors", allow_partial=True)
    assert torch.equal(net[0].weight, make_net()[0].weight)
    assert torch.equal(net[1].weight, norm)
    assert report.loaded == ("0.weight", "0.bias")
    assert str(report).startswith("warning: partial weights: 2 tensors")
    assert str(report).endswith("0 unused, 4 missing (1.weight, 1.bias, 1.running_mean and 1 more)")


def test_a_part_of_another_shape_stays_as_it_is(tmp_path):
    torch.save({**make_net().state_dict(), "0.weight": torch.zeros(9, 3, 1, 1)}, tmp_path / "a.pt")
    net = make_net(seed=1)
    report = load_weights(net, tmp_path / "a.pt", allow_partial=True)
    assert torch.equal(net[0].weight, make_net(seed=1)[0].weight)
    assert (report.unused, report.missing) == (("0.weight",), ("0.weight",))


def test_nothing_is_no_part(tmp_path):
    save_weights(make_net(width=4), tmp_path / "wide.safetensors", {})
    with pytest.raises(CheckpointError, match="wrong shapes"):
        load_weights(make_net(), tmp_path / "wide.safetensors", allow_partial=True)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("suffix", [".pth", ".pth.tar", ".pt", ".bin", ""])
def test_any_file_of_pytorch(suffix, zipped, tmp_path):
    torch.save(
        make_net().state_dict(), tmp_path / f"w{suffix}", _use_new_zipfile_serialization=zipped
    )
    net = make_net(seed=1)
    load_weights(net, tmp_path / f"w{suffix}")
    assert same(net, make_net())


def test_safetensors_are_recognised_by_content(saved):
    net = make_net(seed=1)
    load_weights(net, saved.rename(saved.with_name("w.pth")))
    assert same(net, make_net())


def of_data_parallel(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


CONTAINERS = {
    "plain": lambda best, last: best,
    "module": lambda best, last: of_data_parallel(best),
    "state_dict": lambda best, last: {"state_dict": of_data_parallel(best), "epoch": 3},
    "best": lambda best, last: {"state_dict": of_data_parallel(last), "best_state_dict": best},
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name, tmp_path):
    best, last = make_net().state_dict(), make_net(seed=2).state_dict()
    torch.save(CONTAINERS[name](best, last), tmp_path / "w.pth")
    net = make_net(seed=1)
    report = load_weights(net, tmp_path / "w.pth")
    assert same(net, make_net())
    assert report.unused == ()


def test_other_entries_with_tensors_are_reported(tmp_path):
    other = nn.Linear(2, 1).state_dict()
    torch.save({"state_dict": make_net().state_dict(), "classifier": other}, tmp_path / "w.pth")
    assert load_weights(make_net(), tmp_path / "w.pth").unused == ("classifier.*",)


def test_scores_and_colours_beside_the_weights_are_no_code(tmp_path):
    beside = {"perf": np.float64(0.9), "meta": {"colours": np.zeros((2, 3), np.uint8)}}
    content = {"state_dict": make_net().state_dict(), **beside}
    torch.save(content, tmp_path / "new.pth", _use_new_zipfile_serialization=False)
    pickled = (tmp_path / "new.pth").read_bytes()
    assert b"numpy._core." in pickled
    (tmp_path / "old.pth").write_bytes(pickled.replace(b"numpy._core.", b"numpy.core."))
    for name in ("new.pth", "old.pth"):
        net = make_net(seed=1)
        load_weights(net, tmp_path / name)
        assert same(net, make_net())


def test_files_from_before_batches_were_counted(tmp_path):
    state = {n: t for n, t in make_net().state_dict().items() if "num_batches" not in n}
    torch.save(state, tmp_path / "old.pth.tar")
    net = make_net(seed=1)
    report = load_weights(net, tmp_path / "old.pth.tar")
    assert same(net, make_net())
    assert report.missing == ()


def test_bundled_weights(saved, monkeypatch):
    folder = saved.parent / "nn" / "weights" / "bundled"
    folder.mkdir(parents=True)
    saved.rename(folder / "tiny.safetensors")
    monkeypatch.setattr(zoo, "files", lambda package: saved.parent)
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


class EvilModule(nn.Linear):
    """A whole module, as some save it."""


def plain_pickle(path):
    path.write_bytes(pickle.dumps({"state_dict": Evil(path.with_name("pwned"))}, protocol=2))


def save_legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


BAD = {
    "missing.ckpt": (lambda p: None, "there is no such file"),
    "folder.ckpt": (lambda p: p.mkdir(), "the folder holds no run"),
    "empty.pth": (lambda p: p.write_bytes(b""), "not a checkpoint .*, or cut short"),
    "text.pth": (lambda p: p.write_text("hello\n"), "not a checkpoint"),
    "long_text.pth": (lambda p: p.write_text("{} lorem ipsum\n" * 999), "not a checkpoint"),
    "json.pth": (lambda p: p.write_text('{"a":1, {"b": 2}}'), "not a checkpoint"),
    "pickle.ckpt": (lambda p: p.write_bytes(pickle.dumps({})), "not a checkpoint"),
    "list.ckpt": (lambda p: torch.save([1], p), "holds no tensors"),
    "numbers.pth": (lambda p: torch.save({"state_dict": {"a": 1}}, p), "holds no tensors"),
    "evil.ckpt": (lambda p: torch.save({"state_dict": Evil(p.with_name("pwned"))}, p), "run code"),
    "evil.pth.tar": (lambda p: save_legacy(Evil(p.with_name("pwned")), p), "io.open.*run code"),
    "evil.pkl": (plain_pickle, "io.open, which could run code"),
    "module.pt": (lambda p: torch.save(EvilModule(1, 1), p), "EvilModule, which could run code"),
    "objects.pth": (
        lambda p: torch.save({"a": np.array([Evil(p.with_name("pwned"))])}, p),
        "ObjectDType, which could run code",
    ),
    "sparse.pth": (
        lambda p: torch.save({"0.weight": torch.eye(3).to_sparse()}, p),
        r"1 of 1 tensors are sparse.* \(0.weight\)",
    ),
    "complex.pth": (lambda p: torch.save({"0.weight": torch.ones(3, 3, 1, 1) * 1j}, p), "complex"),
    "half_a_vit.pth": (
        lambda p: torch.save({"backbone.blocks.0.attn.qkv.weight": torch.zeros(9, 384)}, p),
        "give net=vitpose_s",
    ),
    "scalars.pth": (
        lambda p: torch.save(
            {
                "backbone.blocks.0.attn.qkv.weight": torch.tensor(1.0),
                "backbone.stage4.0.branches.0.0.conv1.weight": torch.tensor(1.0),
            },
            p,
        ),
        "another network's weights",
    ),
    "empty.safetensors": (lambda p: p.write_bytes(b""), "not a checkpoint"),
    "text.safetensors": (lambda p: p.write_text("hello, world\n"), "not a checkpoint"),
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
def test_bad_file(name, tmp_path, recwarn):
    make, message = BAD[name]
    make(tmp_path / name)
    assert_refused(tmp_path / name, message)
    assert not (tmp_path / "pwned").exists()
    assert [str(warning.message) for warning in recwarn] == []


def test_the_evil_pickle_is_evil(tmp_path):
    """Read as ordinary pickles are, it makes its file."""
    plain_pickle(tmp_path / "evil.pkl")
    pickle.loads((tmp_path / "evil.pkl").read_bytes())
    assert (tmp_path / "pwned").exists()


def test_cut_short_anywhere(saved, lightning, tmp_path):
    save_legacy(make_net().state_dict(), tmp_path / "legacy.pth")
    for path in (saved, lightning[1], tmp_path / "legacy.pth"):
        whole = path.read_bytes()
        for length in (3, 9, 40, len(whole) // 2, len(whole) - 200, len(whole) - 1):
            short = tmp_path / f"short{length}{path.suffix}"
            short.write_bytes(whole[:length])
            assert_refused(short, "cut short")


def test_a_run_directory_stands_for_its_best_or_last_checkpoint(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").touch()
    with pytest.raises(CheckpointError, match="has neither best"):
        load_weights(make_net(), tmp_path / "run")
    for seed, name in ((1, "last"), (2, "best")):
        torch.save({"state_dict": make_net(seed).state_dict()}, folder / f"{name}.ckpt")
        net = make_net()
        load_weights(net, tmp_path / "run")
        assert same(net, make_net(seed))
