"""Checkpoints of others on the command line: ``ckpt=``, and ``fidip import``."""

import importlib
import json
import sys

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from safetensors import safe_open
from torch import nn

from fidip import evaluate, train
from fidip.nn import ConvHead, HRNet, PoseNet, save_weights
from fidip.places import config_dir
from fidip.run_folder import fingerprint

import_ = importlib.import_module("fidip.import")


def zoo_state(seed=0):
    """The smallest HRNet, its tensors named as the zoo names them."""
    torch.manual_seed(seed)
    net = PoseNet(HRNet("hrnet_w18_small"), ConvHead)
    nn.init.normal_(net.head.final_layer.weight)
    return {name.split(".", 1)[1]: tensor for name, tensor in net.state_dict().items()}


@pytest.fixture
def zoo(tmp_path):
    """A file as HRNet's training writes it."""
    state = {f"module.{name}": tensor for name, tensor in zoo_state().items()}
    torch.save({"epoch": 210, "state_dict": state}, tmp_path / "checkpoint.pth.tar")
    return tmp_path / "checkpoint.pth.tar"


def run(command, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [f"fidip {command.__name__}", *map(str, arguments)])
    command.main()


def predictions(monkeypatch, out, *arguments):
    run(evaluate, monkeypatch, "experiment=scratch_demo", *arguments, f"out={out}")
    return json.loads((out / "predictions.json").read_text())


def test_import_writes_what_ckpt_takes(zoo, tiny_root, monkeypatch, tmp_path, capsys):
    out = tmp_path / "ours" / "hrnet.safetensors"
    run(import_, monkeypatch, f"src={zoo}", f"out={out}")
    loaded, written = capsys.readouterr().out.splitlines()
    count = len(zoo_state())
    family = "HRNet of the zoo, DarkPose or FiDIP"
    assert loaded == f"weights: {count} tensors loaded from {zoo} ({family}), 0 unused, 0 missing"
    assert written == f"written: {out}; use it with net=hrnet_w18_small ckpt={out}"
    with safe_open(out, "pt") as file:
        assert file.metadata() == {
            "family": family,
            "net": "hrnet_w18_small",
            "source": zoo.name,
            "source_sha256": fingerprint([zoo]),
        }
        assert torch.equal(file.get_tensor("backbone.conv1.weight"), zoo_state()["conv1.weight"])

    common = ["net=hrnet_w18_small", f"data.root={tiny_root}", "data.num_workers=0"]
    theirs = predictions(monkeypatch, tmp_path / "a", f"ckpt={zoo}", *common)
    assert f"weights: {count} tensors loaded from {zoo} ({family})" in capsys.readouterr().out
    ours = predictions(monkeypatch, tmp_path / "b", f"ckpt={out}", *common)
    assert theirs == ours


def test_import_of_a_net_that_weights_do_not_tell(monkeypatch, tmp_path, capsys):
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "linear.pth")
    out = f"out={tmp_path / 'x.safetensors'}"
    assert "say which with net=NAME" in refusal(
        capsys, import_, monkeypatch, f"src={tmp_path / 'linear.pth'}", out
    )
    net = instantiate(OmegaConf.load(config_dir() / "net" / "demo.yaml"))
    save_weights(net, tmp_path / "demo.safetensors", {})
    run(import_, monkeypatch, f"src={tmp_path / 'demo.safetensors'}", out, "net=demo")
    assert "use it with net=demo" in capsys.readouterr().out


def refusal(capsys, command, monkeypatch, *arguments):
    """The one line on stderr with which a command ends."""
    with pytest.raises(SystemExit) as exit_:
        run(command, monkeypatch, *arguments)
    message = capsys.readouterr().err
    assert exit_.value.code == 2
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def truncate(path):
    torch.save(zoo_state(), path)
    path.write_bytes(path.read_bytes()[:100_000])


def without_stage4(path):
    torch.save({n: t for n, t in zoo_state().items() if not n.startswith("stage4.")}, path)


BAD = {
    "truncated": (truncate, "cut short"),
    "empty": (lambda p: p.write_bytes(b""), "cut short"),
    "text": (lambda p: p.write_text("weights\n"), "not a checkpoint"),
    "code": (lambda p: torch.save({"state_dict": Evil(p.with_name("pwned"))}, p), "run code"),
    "another net": (lambda p: torch.save(zoo_state(), p), "give net=hrnet_w18_small"),
    "a part": (without_stage4, "backbone.stage4"),
}


@pytest.mark.parametrize("command", [train, evaluate, import_])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_one_line(command, name, tiny_root, monkeypatch, tmp_path, capsys):
    make, words = BAD[name]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hrnet_fidip.pth"
    make(path)
    arguments = [
        "experiment=finetune_demo",
        "frozen=none",
        f"ckpt={path}",
        f"data.root={tiny_root}",
    ]
    net = "net=hrnet_w32" if name == "another net" else "net=hrnet_w18_small"
    if command is import_:
        arguments = [f"src={path}", "out=x.safetensors"]
    message = refusal(capsys, command, monkeypatch, *arguments, net)
    assert path.name in message
    assert words in message
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "x.safetensors").exists()


def test_import_writes_safetensors_only(zoo, monkeypatch, capsys):
    assert ".safetensors" in refusal(capsys, import_, monkeypatch, f"src={zoo}", "out=x.pth")
    assert "src=CHECKPOINT" in refusal(capsys, import_, monkeypatch, "out=x.safetensors")


def test_training_can_start_from_a_part(zoo, tiny_root, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "part.pth"
    without_stage4(path)
    run(
        train, monkeypatch, "experiment=finetune_demo", "frozen=none", f"ckpt={path}", f"data.root={tiny_root}",
        "net=hrnet_w18_small", "allow_partial=true", "debug=smoke",
    )  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "partial" in line]
    missing = sum(n.startswith("stage4.") and "num_batches" not in n for n in zoo_state())
    assert line.startswith("warning: partial weights: ")
    assert f"{missing} missing (backbone.stage4." in line


@pytest.mark.parametrize("out", ["/dev/null/x.safetensors", "file/x.safetensors"])
def test_import_into_what_is_no_folder(out, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    message = refusal(capsys, import_, monkeypatch, "src=x.pth", f"out={out}")
    assert "is not a folder" in message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
