"""A run directory is data: its ``config.yaml`` runs no code and reads nothing from outside."""

import pickle
import shutil

import pytest
import torch
from omegaconf import OmegaConf

from fidip.cli import instantiate
from fidip.cli.loading import load_predictor, training_config
from fidip.io.yaml import load_settings


class Evil:
    def __reduce__(self):
        return (exec, ("open('executed', 'w').close()",))


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory):
    """A run directory with a random network, beside an evil pickle."""
    folder = tmp_path_factory.mktemp("saved")
    config = training_config(["experiment=scratch_demo", "run_dir=run"])
    saved = OmegaConf.create(
        {key: OmegaConf.to_container(config[key], resolve=True) for key in ("net", "codec", "data")}
        | {"name": "scratch_demo", "group": "demo", "seed": 0}
    )
    (folder / "run" / "checkpoints").mkdir(parents=True)
    net = instantiate(config.net)
    state = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    torch.save({"state_dict": state}, folder / "run" / "checkpoints" / "best.ckpt")
    (folder / "x.jpg").write_bytes(b"a photograph, never read")
    (folder / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    OmegaConf.save(saved, folder / "run" / "config.yaml")
    return folder


@pytest.fixture
def run(saved_run, tmp_path, monkeypatch):
    """A copy of the run directory that a test may change, in the current folder."""
    shutil.copytree(saved_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    change(tmp_path / "run", run_dir=str(tmp_path / "run"))
    return tmp_path / "run"


def change(run, **values):
    config = OmegaConf.load(run / "config.yaml")
    for key, value in values.items():
        OmegaConf.update(config, key.replace("__", "."), value, merge=False)
    OmegaConf.save(config, run / "config.yaml")


def refusal(cli, name, *arguments):
    message = cli(name, *arguments, status=2).err
    assert message.count("error:") == 1
    assert "Traceback" not in message
    return message


UNPICKLE = {"_target_": "torch.load", "f": "evil.pkl", "weights_only": False}
TOUCH = {
    "_target_": "pathlib.Path.touch",
    "self": {"_target_": "pathlib.Path", "_args_": ["executed"]},
}


@pytest.mark.parametrize("key", ["codec", "codec__decoder", "net", "net__backbone", "net__head"])
@pytest.mark.parametrize("node", [UNPICKLE, TOUCH], ids=["unpickle", "touch"])
def test_predict_runs_no_code_of_a_run_directory(key, node, run, cli):
    change(run, **{key: node})
    message = refusal(cli, "predict", "ckpt=run", "source=x.jpg")
    assert "run/config.yaml" in message
    assert node["_target_"] in message
    assert not (run.parent / "executed").exists()


@pytest.mark.parametrize("name", ["evaluate", "train"])
def test_neither_do_the_other_commands(name, run, cli):
    change(run, data=UNPICKLE, task=UNPICKLE)
    word = "resume=run" if name == "train" else "ckpt=run"
    message = refusal(cli, name, word)
    assert "data._target_=torch.load" in message
    assert "task._target_=torch.load" in message
    assert not (run.parent / "executed").exists()


def test_a_run_directory_cannot_trust_itself(run, cli):
    change(run, codec=UNPICKLE, allow_targets=["torch"])
    assert "torch.load" in refusal(cli, "predict", "ckpt=run", "source=x.jpg")
    assert not (run.parent / "executed").exists()


def test_interpolations_in_a_run_directory_are_not_resolved(run, cli):
    change(run, codec__sigma="${oc.decode:${oc.env:HOME}}")
    assert "interpolations" in refusal(cli, "predict", "ckpt=run", "source=x.jpg")


def test_values_of_a_run_directory_are_checked(run, cli):
    change(run, codec__sigma=-3, net__head__joints="many")
    message = refusal(cli, "predict", "ckpt=run", "source=x.jpg")
    assert "codec.sigma=-3: expected more than 0" in message
    assert "net.head.joints=many: expected an integer" in message


def test_a_resumed_run_writes_below_its_directory_only(run, cli):
    outside = {"_target_": "fidip.tasks.Checkpoints", "folder": "elsewhere"}
    change(run, callbacks={"checkpoints": outside})
    message = refusal(cli, "train", "resume=run")
    assert "callbacks.checkpoints.folder=elsewhere: expected a folder below the run" in message
    assert not (run.parent / "elsewhere").exists()


BOMB = "a: &a [x, x]\n" + "".join(
    f"{k}: &{k} [*{j}, *{j}]\n" for j, k in zip("abcd", "bcde", strict=True)
)
ODD_FILES = {
    "aliases": (BOMB, "alias"),
    "deep": ("net: " + "[" * 40 + "]" * 40, "levels deep"),
    "large": ("x: " + "y" * 2**18, "characters"),
    "a list": ("[1, 2]", "expected settings by key"),
    "empty": ("", "expected settings by key"),
    "a tag": ("net: !!python/object:os.system {}", "not valid YAML"),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_a_config_that_is_no_plain_settings_is_one_line(name, run, cli):
    text, words = ODD_FILES[name]
    (run / "config.yaml").write_text(text)
    line = refusal(cli, "predict", "ckpt=run", "source=x.jpg")
    assert "run/config.yaml" in line
    assert words in line


def test_former_names_in_a_run_directory(run):
    """``config.yaml`` of fidip 0.1: it named modules and keys that have moved since."""
    text = (run / "config.yaml").read_text()
    text = text.replace("fidip.codecs.gaussian.", "fidip.heatmap.")
    text = text.replace("fidip.codecs.decoders.", "fidip.heatmap.")
    text = text.replace("allow_leakage", "allow_contaminated")
    assert "fidip.heatmap.HeatmapCodec" in text
    assert "allow_contaminated" in text
    (run / "config.yaml").write_text(text)
    saved = load_settings(run / "config.yaml")
    assert saved["codec"]["_target_"] == "fidip.codecs.gaussian.HeatmapCodec"
    assert saved["codec"]["decoder"]["_target_"] == "fidip.codecs.decoders.dark_decode"
    assert "allow_leakage" in saved["data"]
    predictor = load_predictor(str(run), runtime="torch")
    assert type(predictor.codec).__name__ == "HeatmapCodec"


def test_former_names_on_the_command_line(cli):
    words = ("experiment=scratch_demo", "allow_contaminated=1x")
    note, error = cli("train", *words, status=2).err.splitlines()
    assert note == "note: allow_contaminated=1x is now allow_leakage=1x"
    assert error.startswith("error: allow_leakage=1x")
