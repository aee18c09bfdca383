"""``fidip train`` from the command line to the run folder, on stick figures."""

import csv
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from fidip.cli.loading import load_net
from fidip.data import image_hashes
from fidip.inference.runtime import OnnxRuntime
from fidip.io.images import write_image
from fidip.io.run_directory import RunDirectory
from fidip.nn.export_formats import write_onnx
from fidip.nn.portable_export import Portable
from tests.inference.made_media import make_video
from tests.inference.rendered_people import draw_person

TINY = (
    *("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5"),
    *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]"),
    "net.backbone.width=0.125",
)


SMALL_RUN = ("experiment=scratch_demo", *TINY, "debug=smoke")


@pytest.fixture
def train(cli, monkeypatch, tmp_path):
    """Run ``fidip train`` in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    return partial(cli, "train")


def only_run(folder):
    (run,) = folder.glob("outputs/*/*")
    return run


def read_metrics(run):
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("experiment", ["finetune", "scratch", "fidip"])
def test_an_experiment_leaves_a_complete_run_directory(experiment, tmp_path, tiny_root, train):
    arguments = [f"experiment={experiment}_demo", f"data.root={tiny_root}", "ckpt=null", *TINY]
    train(*arguments, "debug=smoke")
    run = only_run(tmp_path)
    left = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert left >= {
        "config.yaml",
        "environment.json",
        "metrics.csv",
        "results.json",
        "predictions.json",
        "figures/overlays.png",
        "checkpoints/last.ckpt",
    }
    results = json.loads((run / "results.json").read_text())
    assert (results["experiment"], results["seed"], results["split"]) == (
        f"{experiment}_demo",
        0,
        "test",
    )
    assert list(results["metrics"])[:3] == ["AP", "AP50", "AP75"]
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["command"].startswith("fidip train experiment=")


@pytest.mark.parametrize(("experiment", "labels"), [("adapt_unlabelled", 0), ("adapt_few", 2)])
def test_adaptation_to_a_target_with_few_or_no_labels(
    experiment, labels, tmp_path, tiny_root, train
):
    few = (f"data.target_labels={labels}", "data.batch_size=6", "data.num_workers=0")
    net = ("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]", "net.backbone.width=0.125")
    base = (f"experiment={experiment}", f"data.root={tiny_root}", "ckpt=null", "debug=smoke")
    train(*base, *few, *net)
    run = only_run(tmp_path)
    assert json.loads((run / "results.json").read_text())["experiment"] == experiment
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt"}


def test_infants_are_found_in_target_images_and_videos(
    own_cache, tmp_path, tiny_root, train, monkeypatch
):
    small = "zoo:movenet-lightning"
    monkeypatch.setattr("fidip.cli.target_search.default_ckpt", lambda has_video: small)
    monkeypatch.setattr("fidip.inference.runtime._has_onnx", lambda: False)  # export takes long
    (tmp_path / "ward").mkdir()
    infant, keypoints = draw_person("infant", 5)
    write_image(tmp_path / "ward" / "infant.png", infant)
    make_video(tmp_path / "ward" / "clip.mp4", times=[0.0], wh=(128, 128))  # without a person
    target = ("data.target_images=ward", "data.batch_size=3")
    train(*SMALL_RUN, f"data.root={tiny_root}", *target)
    (record,) = (f for f in own_cache.glob("targets/*/boxes.json") if "png" in f.read_text())
    (box,) = (person["bbox"] for person in json.loads(record.read_text())["annotations"])
    inside = (keypoints[:, :2] >= box[:2]) & (keypoints[:, :2] <= np.add(box[:2], box[2:]))
    assert inside.all()
    last = torch.load(only_run(tmp_path) / "checkpoints" / "last.ckpt", weights_only=True)
    seen = set(last["SyripDataModule"]["training_images"])
    assert set(image_hashes([tmp_path / "ward" / "infant.png"]).values()) <= seen


def test_the_curves_have_a_row_an_epoch_and_the_agreed_names(tmp_path, tiny_root, train):
    arguments = ["experiment=fidip_demo", f"data.root={tiny_root}", "ckpt=null", *TINY]
    train(*arguments, "trainer.max_epochs=2", "method.domain_epochs=3")
    rows = read_metrics(only_run(tmp_path))
    assert {
        "epoch",
        "step",
        "lr",
        "train/loss",
        "train/pose_loss",
        "train/domain_loss",
        "train/domain_accuracy",
        "val/AP",
        "val/loss",
        "val/OKS",
        "domain/loss",
        "domain/accuracy",
    } <= set(rows[0])
    for name, count in {"train/loss": 2, "val/AP": 2, "domain/loss": 3}.items():
        assert sum(bool(row[name]) for row in rows) == count


MONITOR = "callbacks.checkpoints.monitor"
UNLABELLED = ("data.val_fraction=0", "data.target_split=train_pre_infant", "data.batch_size=3")


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ((f"{MONITOR}=val/OKS",), {"best.ckpt", "last.ckpt"}),
        ((f"{MONITOR}=val/OKS", "data.val_fraction=0"), {"last.ckpt"}),
        ((f"{MONITOR}=null",), {"last.ckpt"}),
        ((f"{MONITOR}=val/agreement", *UNLABELLED), {"best.ckpt", "last.ckpt"}),
    ],
)
def test_the_best_weights_are_tested_or_the_last(tmp_path, tiny_root, options, kept, train):
    arguments = ["experiment=scratch_demo", f"data.root={tiny_root}", *TINY]
    train(*arguments, "debug=smoke", *options)
    run = only_run(tmp_path)
    assert {path.name for path in (run / "checkpoints").iterdir()} == kept
    selected = "nothing: the last epoch"
    if "best.ckpt" in kept:
        by_agreement = "data.val_fraction=0" in options
        selected = "val/agreement on unlabelled" if by_agreement else "val/OKS on a fraction of 0."
    assert f"| selected on | {selected}" in (run / "model_card.md").read_text()
    assert (run / "results.json").exists()


class Interrupt(pl.Callback):
    """Ctrl-C in the second epoch, or in the test."""

    armed = True

    def __init__(self, in_test=False):
        self.in_test = in_test

    def on_test_start(self, trainer, pl_module):
        if self.armed and self.in_test:
            raise KeyboardInterrupt

    def on_train_epoch_start(self, trainer, pl_module):
        if self.armed and not self.in_test and trainer.current_epoch == 1:
            raise KeyboardInterrupt


TRUST = f"allow_targets=[{__name__}]"


def test_an_interrupted_run_continues_even_after_it_was_moved(
    monkeypatch, tmp_path, tiny_root, train
):
    arguments = ["experiment=fidip_demo", f"data.root={tiny_root}", "ckpt=null", *TINY]
    stop = [f"+callbacks.stop={{_target_: {__name__}.Interrupt}}", TRUST]
    arguments += [*stop, "trainer.max_epochs=2", "method.domain_epochs=1"]
    printed = train(*arguments, status=130)
    run = only_run(tmp_path)
    kept = f"kept: {run / 'checkpoints' / 'last.ckpt'}; continue with: fidip train resume={run}\n"
    assert kept in printed.out
    run = run.rename(run.with_name("moved"))
    monkeypatch.setattr(Interrupt, "armed", False)
    train(f"resume={run}", TRUST)
    rows = read_metrics(only_run(tmp_path))
    assert [row["epoch"] for row in rows if row["train/loss"]] == ["0", "1"]
    assert sum(bool(row["domain/loss"]) for row in rows) == 1
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    assert len(saved["optimizer_states"]) == 2
    assert any(name.startswith("method.domain_head.") for name in saved["state_dict"])


@pytest.mark.parametrize("in_test", [True, False])
def test_ctrl_c_reports_what_is_kept(in_test, monkeypatch, tmp_path, tiny_root, train):
    stop = f"+callbacks.stop={{_target_: {__name__}.Interrupt, in_test: {in_test}}}"
    arguments = [*SMALL_RUN, f"data.root={tiny_root}", stop, TRUST, "trainer.max_epochs=2"]
    printed = train(*arguments, status=130)
    run = only_run(tmp_path)
    last = printed.out.splitlines()[-1]
    assert last.startswith("interrupted; kept: ") is in_test
    assert last.endswith(f"continue with: fidip train resume={run}")
    monkeypatch.setattr(Interrupt, "armed", False)
    train(f"resume={run}", TRUST)
    assert (run / "results.json").is_file()


def test_a_finished_run_is_not_resumed(tmp_path, tiny_root, train):
    arguments = ["experiment=scratch_demo", f"data.root={tiny_root}", *TINY, "debug=smoke"]
    train(*arguments)
    error = train(f"resume={only_run(tmp_path)}", status=2).error
    assert "that run is finished" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["experiment=fidip_syrip"], ["ckpt is not set", "data.root is not set"]),
        (
            ["experiment=fidip_syrip", "data.root=data/demo", "debug=smoke"],
            [
                "ckpt=null",
                "data.root=data/demo: there is no dataset",
                "fidip synthesize preset=demo",
            ],
        ),
        ([], ["experiment is not set", "fidip_demo"]),
        (["experiment=scratch_demo", "data.root=nowhere"], ["nowhere"]),
        (["experiment=finetune_demo", "ckpt=nothing.pth"], ["nothing.pth"]),
        (["resume=nowhere"], ["nowhere"]),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, words, train):
    error = train(*arguments, status=2).error
    assert all(word in error for word in words)


@pytest.mark.slow
def test_two_processes_train_validate_unequally_and_test_each_sample_once(tmp_path, tiny_root):
    """In a program of its own: Lightning starts it again for the second process."""
    arguments = [
        *("experiment=fidip_demo", f"data.root={tiny_root}", "ckpt=null", "debug=smoke"),
        *("data.num_workers=0", "data.batch_size=1", "data.val_fraction=0.75"),
        *("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true"),
        *("trainer.limit_val_batches=9", "trainer.limit_test_batches=9"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "fidip.train", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path)
    assert json.loads((run / "environment.json").read_text())["processes"] == 2
    predictions = json.loads((run / "predictions.json").read_text())
    assert sorted(p["image_id"] for p in predictions) == [0, 1, 2, 3, 4]


def test_the_same_command_continues_with_resume_auto(monkeypatch, tmp_path, tiny_root, train):
    stop = f"+callbacks.stop={{_target_: {__name__}.Interrupt}}"
    arguments = ["experiment=fidip_demo", f"data.root={tiny_root}", "ckpt=null", *TINY, stop, TRUST]
    arguments += ["debug=smoke", "trainer.max_epochs=2", "method.domain_epochs=1"]
    train(*arguments, "resume=auto", status=130)
    run = only_run(tmp_path)
    monkeypatch.setattr(Interrupt, "armed", False)
    train("resume=auto", *reversed(arguments))
    assert only_run(tmp_path) == run  # and no other
    assert [row["epoch"] for row in read_metrics(run) if row["train/loss"]] == ["0", "1"]
    assert sum(bool(row["domain/loss"]) for row in read_metrics(run)) == 1
    assert train(*arguments, "resume=auto").out == f"finished before; run folder: {run}\n"
    other_seed = ("resume=auto", "seed=1", f"hydra.run.dir={run}")
    error = train(*arguments, *other_seed, status=2).error
    assert "config.yaml has another data, seed" in error


def files_of(folder):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_a_run_is_overwritten_only_when_asked_to(tmp_path, tiny_root, train):
    command = [*SMALL_RUN, f"data.root={tiny_root}", "hydra.run.dir=run"]
    train(*command, f"{MONITOR}=val/OKS")
    run = tmp_path / "run"
    (run / "notes.txt").write_text("mine")
    before = files_of(run)
    assert "a finished run is there" in train(*command, status=2).error
    assert "nothing.pth" in train(*command, "overwrite=true", "ckpt=nothing.pth", status=2).error
    assert "give one" in train(*command, "overwrite=true", "resume=run", status=2).error
    assert "batch_size=5" in train(*command, "overwrite=true", "data.batch_size=5", status=2).error
    assert files_of(run) == before
    (run / "results.json").unlink()
    assert "continue it with resume=" in train(*command, status=2).error
    train(*command, "overwrite=true", "seed=1", "data.val_fraction=0")
    assert json.loads((run / "results.json").read_text())["seed"] == 1
    assert (run / "notes.txt").read_text() == "mine"
    assert not (run / "checkpoints" / "best.ckpt").exists()
    assert not (run / ".lock").exists()


HOLD = """
import sys
from pathlib import Path
from fidip.io.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_work_on_one_run(monkeypatch, tmp_path, tiny_root, train):
    run = tmp_path / "run"
    command = [*SMALL_RUN, f"data.root={tiny_root}", "hydra.run.dir=run"]
    hold = [sys.executable, "-c", HOLD, str(run)]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        assert f"process {other.pid} on" in train(*command, status=2).error
        assert "another process works" in train(*command, "overwrite=true", status=2).error
        monkeypatch.setenv("LOCAL_RANK", "1")  # of the run that has the lock
        with RunDirectory(run).lock():
            pass
        monkeypatch.delenv("LOCAL_RANK")
        assert [path.name for path in run.iterdir()] == [".lock"]
        other.kill()
    train(*command)  # the lock has ended with its process
    assert (run / "results.json").is_file()


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/x", "file", "file/x", "x" * 300])
def test_a_run_directory_that_cannot_be(tmp_path, tiny_root, place, train):
    (tmp_path / "file").write_text("mine")
    command = [*SMALL_RUN, f"data.root={tiny_root}", f"hydra.run.dir={place}"]
    assert "Choose another" in train(*command, status=2).error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("resume=ty/po",),
        ("experiment=scratch_demo", "data.root=nowhere"),
        ("experiment=scratch_demo", "data.root=nowhere", "hydra.run.dir=a/b/c"),
        ("experiment=fidip_syrip",),
        ("experiment=scratch_demo", "ckpt=nothing.pth"),
    ],
)
def test_a_command_that_fails_at_once_leaves_no_folders(tmp_path, arguments, train):
    assert train(*arguments, status=2).error
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").mkdir()  # one of before stays
    assert train(*arguments, "hydra.run.dir=a", status=2).error
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


SIMCC = (
    "net=resnet50_simcc", "net.backbone.model_name=resnet18", "net.head.grid_wh=[2,2]",
    "net.head.bins_wh=[128,128]", "frozen=none", "codec=simcc_192x256", "codec.input_wh=[64,64]",
    "codec.bins_wh=[128,128]", "codec.sigma=[2.8,2.8]",
)  # fmt: skip


@pytest.mark.slow
def test_a_net_with_simcc_learns_and_is_exported(tmp_path, tiny_root, train):
    arguments = ["experiment=scratch_demo", f"data.root={tiny_root}", *SIMCC]
    arguments += ["data.num_workers=0", "data.batch_size=4", "trainer.check_val_every_n_epoch=3"]
    train(*arguments, "trainer.max_epochs=3", "optimizer.lr=1e-3")
    run = only_run(tmp_path)
    losses = [float(row["train/loss"]) for row in read_metrics(run) if row["train/loss"]]
    assert losses[-1] < losses[0]
    net, codec = load_net(str(run))
    write_onnx(Portable(net, codec), tmp_path / "net.onnx")
    assert OnnxRuntime(tmp_path / "net.onnx").codec == codec
