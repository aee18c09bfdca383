"""Sweeps on this machine: jobs that fail stop no others, and are the only ones to run again."""

import sys

import hydra
import optuna
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from fidip import train
from fidip.cli import config_dir
from fidip.errors import ConfigError
from fidip.run_folder import RunFolder
from fidip.sweep import check_processes, differing

SWEEPS = sorted(path.stem for path in (config_dir() / "sweep").glob("*.yaml"))
GRIDS = [name for name in SWEEPS if name not in ("grid", "optuna")]
TINY = ("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5", "debug=smoke")


def run_train(monkeypatch, *arguments):
    """Exit status of ``fidip train``."""
    monkeypatch.setattr(sys, "argv", ["fidip train", *arguments])
    try:
        train.main()
    except SystemExit as exit_:
        return exit_.code
    return 0


def compose(*overrides):
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("train", overrides, return_hydra_config=True)


def grid(name):
    """Every combination of a sweep, as lists of overrides."""
    params = compose(f"sweep={name}").hydra.sweeper.params
    parsed = OverridesParser.create().parse_overrides([f"{k}={v}" for k, v in params.items()])
    return BasicSweeper.split_arguments(parsed, None)[0]


@pytest.mark.parametrize("name", GRIDS)
def test_every_combination_of_every_sweep_composes_and_no_two_are_equal(name):
    seen = set()
    for overrides in [o for o in grid(name) if "seed=0" in o]:
        config = compose(f"sweep={name}", "data.root=x", "ckpt=x", "run_dir=x", *overrides)
        assert config.name != "unnamed"
        parts = [config[key] for key in ("net", "data", "task", "trainer", "ckpt")]
        seen.add("".join(str(part) for part in parts))
    assert len(seen) == len([o for o in grid(name) if "seed=0" in o]) > 1


def test_small_data_is_what_it_says():
    takes = {next(o for o in job if "real_images" in o) for job in grid("small_data")}
    assert takes == {f"data.real_images={n}" for n in (10, 25, 50, 100, "null")}


def test_a_failed_run_is_told_and_runs_again_alone(monkeypatch, tmp_path, tiny_root, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["-m", "experiment=scratch_demo", "ckpt=null,later.ckpt", f"data.root={tiny_root}"]
    assert run_train(monkeypatch, *command, *TINY) == 3
    output = capsys.readouterr()
    assert "error: checkpoint later.ckpt" in output.err
    assert "1 of 2 runs are not finished" in output.out
    good, bad = sorted(tmp_path.glob("outputs/scratch_demo/*/*"))
    assert (good / "results.json").is_file()
    assert (bad / "failed.json").is_file()
    first = (good / "results.json").stat().st_mtime_ns

    (good / "checkpoints" / "last.ckpt").rename(tmp_path / "later.ckpt")
    assert run_train(monkeypatch, *command, *TINY, "sweep.resume=true") == 0
    assert "1 of 2 runs are finished already" in capsys.readouterr().out
    assert sorted(tmp_path.glob("outputs/scratch_demo/*/*")) == [good, bad]
    assert (good / "results.json").stat().st_mtime_ns == first
    assert (bad / "results.json").is_file()
    assert not (bad / "failed.json").exists()


@pytest.mark.slow
def test_a_search_maximises_validation_ap_and_goes_on(monkeypatch, tmp_path, tiny_root):
    monkeypatch.chdir(tmp_path)
    command = ["-m", "sweep=optuna", "experiment=fidip_demo", "ckpt=null", f"data.root={tiny_root}"]
    one = ["hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1"]
    for _ in range(2):
        assert run_train(monkeypatch, *command, *TINY, *one) == 0
    study = optuna.load_study(study_name="fidip_demo", storage="sqlite:///fidip_demo.optuna.db")
    told = sorted(trial.value for trial in study.trials)
    runs = tmp_path.glob("outputs/fidip_demo/*/0")
    assert told == sorted(RunFolder(run).best_score() for run in runs)
    assert len(told) == 2


@pytest.mark.slow
def test_a_workstation_runs_several_at_a_time(monkeypatch, tmp_path, tiny_root):
    monkeypatch.chdir(tmp_path)
    where = ["hydra/launcher=local", f"data.root={tiny_root}", *TINY]
    assert run_train(monkeypatch, "-m", "experiment=scratch_demo", "seed=1,2", *where) == 0
    assert len(list(tmp_path.glob("outputs/scratch_demo/*/*/results.json"))) == 2


LAUNCHER = {"nodes": 1, "tasks_per_node": 1, "gpus_per_node": None}


@pytest.mark.parametrize(
    ("trainer", "launcher", "words"),
    [
        (["trainer=ddp"], {}, "tasks_per_node=1"),
        (["trainer=ddp"], {"tasks_per_node": 2, "gpus_per_node": 1}, "gpus_per_node=1"),
        (["trainer=gpu"], {}, "gpus_per_node=0"),
        (["+trainer.num_nodes=2"], {}, "nodes=1"),
    ],
)
def test_processes_that_slurm_would_not_start_are_told_before(trainer, launcher, words):
    with pytest.raises(ConfigError, match=words):
        check_processes(compose(*trainer), {**LAUNCHER, **launcher})


def test_processes_that_slurm_would_start_are_fine():
    check_processes(compose("trainer=ddp"), {**LAUNCHER, "tasks_per_node": 2, "gpus_per_node": 2})
    check_processes(compose("trainer=cpu"), LAUNCHER)


@pytest.mark.parametrize(
    "path", sorted((config_dir() / "hydra" / "launcher").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_launcher_composes(path):
    launcher = compose(f"hydra/launcher={path.stem}", "trainer.devices=2").hydra.launcher
    assert OmegaConf.to_container(launcher, resolve=False)["_target_"].startswith("hydra_plugins.")
    if path.stem.startswith("slurm"):
        config = compose(f"hydra/launcher={path.stem}", "trainer.devices=2")
        assert config.hydra.launcher.tasks_per_node == 2


def test_what_all_jobs_share_is_not_repeated():
    assert differing([["a=1", "b=2"], ["a=1", "b=3"]]) == [["b=2"], ["b=3"]]
    assert differing([["a=1"]]) == [["a=1"]]
