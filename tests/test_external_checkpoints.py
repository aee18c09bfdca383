"""External checkpoints on the command line: ``ckpt=``, and ``fidip convert``."""

import json

import pytest
import torch
from hydra.utils import instantiate
from safetensors import safe_open
from torch import nn

from fidip.cli.composition import choice
from fidip.io.hashing import hash_files
from fidip.nn import ConvHead, HRNet, PoseNet, load_weights, save_weights
from fidip.nn.weights.model_zoo import bundled
from fidip.nn.weights.tfjs import tfjs_files
from tests.nn.movenet_files import movenet_arrays, write_tfjs


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


def predictions(cli, out, *arguments):
    ended = cli("evaluate", "experiment=scratch_demo", *arguments, f"out={out}")
    return json.loads((out / "predictions.json").read_text()), ended.out


def test_import_writes_what_ckpt_takes(zoo, tiny_root, tmp_path, cli):
    out = tmp_path / "ours" / "hrnet.safetensors"
    loaded, written = cli("convert", f"src={zoo}", f"out={out}").out.splitlines()
    count = len(zoo_state())
    family = "HRNet of the zoo, DarkPose or FiDIP"
    assert loaded == f"weights: {count} tensors loaded from {zoo} ({family}), 0 unused, 0 missing"
    assert written == f"written: {out}; use it with net=hrnet_w18_small ckpt={out}"
    with safe_open(out, "pt") as file:
        assert file.metadata() == {
            "family": family,
            "net": "hrnet_w18_small",
            "source": zoo.name,
            "source_sha256": hash_files([zoo]),
        }
        assert torch.equal(file.get_tensor("backbone.conv1.weight"), zoo_state()["conv1.weight"])

    common = ["net=hrnet_w18_small", f"data.root={tiny_root}", "data.num_workers=0"]
    theirs, printed = predictions(cli, tmp_path / "a", f"ckpt={zoo}", *common)
    assert f"weights: {count} tensors loaded from {zoo} ({family})" in printed
    ours, _ = predictions(cli, tmp_path / "b", f"ckpt={out}", *common)
    assert theirs == ours


def test_import_of_a_net_that_weights_do_not_tell(tmp_path, cli):
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "linear.pth")
    out = f"out={tmp_path / 'x.safetensors'}"
    assert "say which with net=NAME" in refusal(
        cli, "convert", f"src={tmp_path / 'linear.pth'}", out
    )
    net = instantiate(choice("net", "timm"))
    save_weights(net, tmp_path / "timm.safetensors", {})
    ended = cli("convert", f"src={tmp_path / 'timm.safetensors'}", out, "net=timm")
    assert "use it with net=timm" in ended.out


def refusal(cli, command, *arguments):
    """The one line on stderr with which a command ends."""
    message = cli(command, *arguments, status=2).err
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


@pytest.mark.parametrize("command", ["train", "evaluate", "convert"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_one_line(command, name, tiny_root, monkeypatch, tmp_path, cli):
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
    if command == "convert":
        arguments = [f"src={path}", "out=x.safetensors"]
    message = refusal(cli, command, *arguments, net)
    assert path.name in message
    assert words in message
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "x.safetensors").exists()


def test_import_writes_safetensors_only(zoo, cli):
    assert ".safetensors" in refusal(cli, "convert", f"src={zoo}", "out=x.pth")
    assert "src=CHECKPOINT" in refusal(cli, "convert", "out=x.safetensors")


def test_training_can_start_from_a_part(zoo, tiny_root, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "part.pth"
    without_stage4(path)
    ended = cli(
        "train", "experiment=finetune_demo", "frozen=none", f"ckpt={path}",
        f"data.root={tiny_root}", "net=hrnet_w18_small", "allow_partial=true", "debug=smoke",
    )  # fmt: skip
    lines = ended.out.splitlines()
    (line,) = [line for line in lines if "partial" in line]
    missing = sum(n.startswith("stage4.") and "num_batches" not in n for n in zoo_state())
    assert line.startswith("warning: partial weights: ")
    assert f"{missing} missing (backbone.stage4." in line


@pytest.mark.parametrize("out", ["/dev/null/x.safetensors", "file/x.safetensors"])
def test_import_into_what_is_no_folder(out, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    message = refusal(cli, "convert", "src=x.pth", f"out={out}")
    assert "is not a folder" in message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture(scope="module")
def tfjs(tmp_path_factory):
    """MoveNet Lightning as a TF.js pair."""
    net = instantiate(choice("net", "movenet_lightning_full"))
    load_weights(net, "bundled:movenet-lightning")
    return write_tfjs(tmp_path_factory.mktemp("tfjs"), movenet_arrays(net), "movenet-lightning")


def test_import_of_a_tfjs_pair_gives_the_bundled_weights(tfjs, tmp_path, cli):
    out = tmp_path / "movenet.safetensors"
    loaded, written = cli("convert", f"src={tfjs}", f"out={out}").out.splitlines()
    assert loaded.endswith(f"loaded from {tfjs} (MoveNet of TF.js), 0 unused, 0 missing")
    assert written == f"written: {out}; use it with net=movenet_lightning_full ckpt={out}"
    with safe_open(out, "pt") as ours, safe_open(bundled("movenet-lightning"), "pt") as shipped:
        assert ours.metadata()["source_sha256"] == hash_files(list(tfjs_files(tfjs)))
        names = list(shipped.keys())
        assert list(ours.keys()) == names
        for name in names:
            assert ours.get_tensor(name).dtype == torch.float16
            assert torch.equal(ours.get_tensor(name), shipped.get_tensor(name))


def test_import_of_the_heatmaps_only(tfjs, tmp_path, cli):
    out = tmp_path / "movenet.safetensors"
    ended = cli("convert", f"src={tfjs}", f"out={out}", "net=movenet_lightning")
    assert "15 unused" in ended.out
    load_weights(instantiate(choice("net", "movenet_lightning")), out)


def cut(folder):
    shard = folder / "net0.bin"
    shard.write_bytes(shard.read_bytes()[:-10])


BAD_TFJS = {
    "shard missing": (lambda folder: (folder / "net0.bin").unlink(), [], "no such file"),
    "cut short": (cut, [], "bytes; expected"),
    "another net": (lambda folder: None, ["net=movenet_thunder"],
                    "give net=movenet_lightning_full"),
    "another graph": (
        lambda folder: write_tfjs(folder, {"kernel": torch.zeros(1).numpy()}),
        [],
        "say which with net=NAME",
    ),
    "not JSON": (lambda folder: (folder / "net.json").write_text("{"), [], "not valid JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TFJS)
def test_a_bad_tfjs_pair_is_one_line(name, tfjs, tmp_path, cli):
    spoil, arguments, words = BAD_TFJS[name]
    content = json.loads(tfjs.read_text())
    content["weightsManifest"][0]["paths"] = ["net0.bin"]
    (tmp_path / "net.json").write_text(json.dumps(content))
    (tmp_path / "net0.bin").write_bytes(tfjs.with_name("movenet-lightning0.bin").read_bytes())
    spoil(tmp_path)
    out = tmp_path / "out" / "x.safetensors"
    src = tmp_path / "net.json"
    message = refusal(cli, "convert", f"src={src}", f"out={out}", *arguments)
    assert words in message
    assert not out.exists()


def test_training_starts_from_a_tfjs_pair(tfjs, tiny_root, monkeypatch, tmp_path, cli):
    """All four maps are trained, validated with mirrored images, and scored."""
    monkeypatch.chdir(tmp_path)
    cli("train", "experiment=finetune_demo", "debug=smoke", f"ckpt={tfjs}",
        f"data.root={tiny_root}", "data.num_workers=0", "frozen=none", "net=movenet_lightning_full",
        "codec=movenet_192", "codec.input_wh=[96,96]", "codec.heatmap_wh=[24,24]",
        "task.loss._target_=fidip.nn.losses.movenet_loss", "hydra.run.dir=run")  # fmt: skip
    assert (tmp_path / "run" / "results.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["codec.input_wh=[100,100]", "codec.heatmap_wh=[25,25]"], "sides divisible by 32"),
        (["codec=movenet_192", "codec.input_wh=[96,96]", "codec.heatmap_wh=[24,24]"],
         "expected (86, 24, 24)"),
        (["codec.input_wh=[96,96]", "codec.heatmap_wh=[48,48]"],
         "gives maps of shape (17, 24, 24)"),
    ],
)  # fmt: skip
def test_a_net_that_does_not_fit_the_codec_is_one_line(
    arguments, words, tfjs, tiny_root, monkeypatch, tmp_path, cli
):
    monkeypatch.chdir(tmp_path)
    common = ["experiment=finetune_demo", "debug=smoke", f"ckpt={tfjs}", f"data.root={tiny_root}",
              "data.num_workers=0", "frozen=none", "net=movenet_lightning"]  # fmt: skip
    ended = cli("train", *common, *arguments, status=2)
    assert "Traceback" not in ended.err
    (line,) = ended.errors
    assert words in line
