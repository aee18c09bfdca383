"""Sweeps on this machine: jobs that fail stop no others, and are the only ones to run again."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import hydra
import optuna
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from fidip.cli.sweep_jobs import SweepJob, check_processes, differing
from fidip.core.errors import ConfigError, RunError
from fidip.io.paths import config_dir
from fidip.io.run_directory import RunDirectory
from hydra_plugins.fidip_sweep.search import distribution

SWEEPS = sorted(path.stem for path in (config_dir() / "sweep").glob("*.yaml"))
GRIDS = [name for name in SWEEPS if name not in ("grid", "optuna")]
LARGE = 20
"""Combinations of a grid that are too many to compose all of them."""
TINY = ("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5", "debug=smoke")


@pytest.fixture
def train(cli, monkeypatch, tmp_path):
    """Run ``fidip train`` in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    return partial(cli, "train")


def compose(*overrides):
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("train", overrides, return_hydra_config=True)


def grid(name):
    """Every combination of a sweep, as lists of overrides."""
    params = compose(f"sweep={name}").hydra.sweeper.params
    parsed = OverridesParser.create().parse_overrides([f"{k}={v}" for k, v in params.items()])
    return BasicSweeper.split_arguments(parsed, None)[0]


def some(jobs):
    """The jobs of the first seed; of a large grid, those that differ from the first in one key."""
    seed_0 = [job for job in jobs if "seed=0" in job]
    near = [job for job in seed_0 if len(set(job) - set(jobs[0])) <= 1]
    return seed_0 if len(seed_0) <= LARGE else near


@pytest.mark.parametrize("name", GRIDS)
def test_every_combination_of_every_sweep_composes_and_no_two_are_equal(name, monkeypatch):
    seen = set()
    combinations = some(grid(name))
    for overrides in combinations:
        config = compose(f"sweep={name}", "data.root=x", "ckpt=x", "run_dir=x", *overrides)
        monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.masked_copy(config, "hydra"))
        assert config.name != "unnamed"
        parts = [config[key] for key in ("net", "data", "task", "method", "trainer", "ckpt")]
        seen.add("".join(str(part) for part in parts))
    assert len(seen) == len(combinations) > 1


def test_the_small_data_sweep_has_four_sizes_and_all_images():
    takes = {next(o for o in job if "real_images" in o) for job in grid("small_data")}
    assert takes == {f"data.real_images={n}" for n in (10, 25, 50, 100, "null")}


def test_only_a_failed_run_is_run_again(tmp_path, tiny_root, train):
    command = ["-m", "experiment=scratch_demo", "ckpt=null,later.ckpt", f"data.root={tiny_root}"]
    printed = train(*command, *TINY, status=3)
    assert "error: job ckpt=later.ckpt: ckpt=later.ckpt: there is no" in printed.err
    assert "1 of 2 runs are not finished" in printed.out
    good, bad = sorted(tmp_path.glob("outputs/scratch_demo/*/*"))
    assert (good / "results.json").is_file()
    assert (bad / "failed.json").is_file()
    first = (good / "results.json").stat().st_mtime_ns

    (good / "checkpoints" / "last.ckpt").rename(tmp_path / "later.ckpt")
    printed = train(*command, *TINY, "sweep.resume=true")
    assert "1 of 2 runs are finished already" in printed.out
    assert sorted(tmp_path.glob("outputs/scratch_demo/*/*")) == [good, bad]
    assert (good / "results.json").stat().st_mtime_ns == first
    assert (bad / "results.json").is_file()
    assert not (bad / "failed.json").exists()


SEARCH = (
    *("-m", "sweep=optuna", "experiment=finetune_demo", "ckpt=bundled:movenet-lightning"),
    *("~hydra.sweeper.params", "optimizer.lr=0.0001,1,1000", "trainer.max_epochs=3"),
    *("hydra.sweeper.n_jobs=1", "hydra.sweeper.seed=10"),  # tries these in this order: 0, 2, 1
    *("callbacks.pruning.monitor=val/OKS", "callbacks.pruning.pruner.n_startup_trials=1"),
    "callbacks.pruning.pruner.n_warmup_steps=0",
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]"),
    *("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5"),
)


def press_ctrl_c_after_an_epoch(folder):
    while not any("val" in file.read_text() for file in folder.glob("outputs/*/*/0/metrics.csv")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_every_value_of_a_sweep_is_checked_before_its_first_job(tmp_path, tiny_root, train):
    command = ["-m", "experiment=scratch_demo", f"data.root={tiny_root}"]
    error = train(*command, "seed=0,abc,1,-1", "data.batch_size=2,0", status=2).error
    for words in ("seed=abc: expected an integer", "seed=-1: expected at", "data.batch_size=0: "):
        assert words in error
    assert not list(tmp_path.iterdir())


def test_values_of_a_sweeps_file_are_checked_before_its_first_job(tmp_path, tiny_root, train):
    command = ["-m", "sweep=grid", "experiment=scratch_demo", f"data.root={tiny_root}"]
    error = train(*command, "+hydra.sweeper.params={seed: 'abc,-1'}", status=2).error
    assert "seed=abc: expected an integer" in error
    assert "seed=-1: expected at least 0" in error
    assert not list(tmp_path.iterdir())


def test_a_sweep_of_keys_that_the_experiment_lacks_is_refused(tmp_path, tiny_root, train):
    command = ["-m", "sweep=lambda", "experiment=scratch_demo", f"data.root={tiny_root}"]
    error = train(*command, status=2).error
    assert error.startswith("error: all 18 jobs of the sweep: sweep=lambda: ")
    for words in ("method.weight", "experiment=fidip_syrip"):  # the key, and one that has it
        assert words in error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_search_prunes_bad_trials_reports_failed_ones_and_continues(
    tmp_path, tiny_root, ctrl_c, train
):
    command = [*SEARCH, f"data.root={tiny_root}", "hydra.sweeper.n_trials=3"]
    threading.Thread(target=press_ctrl_c_after_an_epoch, args=(tmp_path,), daemon=True).start()
    train(*command, status=130)
    storage = "sqlite:///finetune_demo.optuna.db"
    study = optuna.load_study(study_name="finetune_demo", storage=storage)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]

    printed = train(*command, status=3)
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED]
    assert [trial.state for trial in study.trials] == states
    good, _, bad = study.trials
    runs = [RunDirectory(Path(trial.user_attrs["folder"])) for trial in study.trials]
    assert len(list(tmp_path.glob("outputs/*/*/0"))) == 1  # it went on where it was
    assert good.value == runs[0].best_score()
    assert list(good.intermediate_values) == [0, 1, 2]
    assert list(bad.intermediate_values) == [0]
    assert [run.results.is_file() for run in runs] == [True, False, False]
    assert "best of 3: trial 0" in printed.out
    train(*command, status=3)
    assert len(study.trials) == 3
    (error,) = train(*command, "optimizer.lr=2,3", "hydra.sweeper.n_trials=4", status=2).errors
    assert "begin another study with sweep.study=NAME" in error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=tag(log, interval(0.001, 1))", FloatDistribution(0.001, 1.0, log=True)),
        ("a=interval(1, 8)", FloatDistribution(1.0, 8.0)),
        ("a=int(interval(1, 8))", IntDistribution(1, 8)),
        ("a=x,null", CategoricalDistribution(["x", "null"])),
        ("a=range(1, 4)", CategoricalDistribution(["1", "2", "3"])),
    ],
)
def test_what_a_search_understands_by_an_override(text, expected):
    assert distribution(OverridesParser.create().parse_override(text)) == expected


@pytest.mark.slow
def test_a_workstation_runs_several_at_a_time(tmp_path, tiny_root):
    """In real processes, which joblib starts from a process that no coverage tool has changed.

    joblib sends the function of the command to them, and cannot send SlipCover's counters.
    """
    where = ["hydra/launcher=local", f"data.root={tiny_root}", *TINY, "data.num_workers=0,1"]
    command = ["train", "-m", "experiment=scratch_demo", *where]
    subprocess.run([sys.executable, "-m", "fidip.cli", *command], cwd=tmp_path, check=True)
    assert len(list(tmp_path.glob("outputs/scratch_demo/*/*/results.json"))) == 2


def test_a_sweep_is_resumed_by_its_own_key(tmp_path, train):
    error = train("-m", "experiment=scratch_demo", "seed=1,2", "resume=auto", status=2).error
    assert "sweep.resume=true continues a sweep" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "sweep=lambda"], ["all 18 jobs", "ckpt is not set", "data.root is not set"]),
        (["-m", "sweep=lambda", "ckpt=null", "data.root=nowhere"], ["all 18 jobs", "nowhere"]),
        (["-m", "experiment=nope", "seed=1,2"], ["no experiment 'nope'"]),
        (["-m", "experiment=nope,nopes"], ["no experiment 'nope'"]),
        (["-m", "experiment=scratch_demo", "ckpt=a,b"], ["ckpt=a: there", "ckpt=b: there"]),
        (["-m", "sweep=optuna", "experiment=fidip_demo", "data.root=nowhere"], ["nowhere"]),
        (["sweep=lambda", "experiment=scratch_demo"], ["fidip train -m sweep=lambda"]),
        (["experiment=scratch_demo", "sweep.resume=true"], ["add -m"]),
    ],
)
def test_a_sweep_that_cannot_start_ends_with_one_line_and_leaves_nothing(
    tmp_path, arguments, words, train
):
    error = train(*arguments, status=2).error
    assert all(word in error for word in words)
    assert not list(tmp_path.iterdir())


def test_jobs_of_another_sweep_are_not_continued(tmp_path, tiny_root, train):
    folder = tmp_path / "outputs" / "scratch_demo" / "first" / "0"
    folder.mkdir(parents=True)
    job = SweepJob(RunDirectory(folder), ("experiment=scratch_demo", "seed=7"))
    job.register()
    (folder / "results.json").write_text("{}")
    command = ["-m", "experiment=scratch_demo", "seed=1,2", f"data.root={tiny_root}"]
    error = train(*command, *TINY, "sweep.started=first", status=2).error
    assert "belongs to another job" in error
    assert [path.name for path in folder.parent.iterdir()] == ["0"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"overrides": 3}', "[" * 100_000, "{}"])
def test_a_damaged_file_of_a_job_is_one_line(content, tmp_path):
    folder = tmp_path / "outputs" / "scratch_demo" / "first" / "0"
    folder.mkdir(parents=True)
    job = SweepJob(RunDirectory(folder), ("seed=7",))
    for file in (job.run.job, job.run.failed):
        file.write_text(content)
    with pytest.raises(RunError, match=r"job\.json: .*remove this run") as error:
        job.require_own_folder()
    assert "\n" not in str(error.value)
    assert (job.state, job.reason.count("\n")) == ("failed", 0)


LAUNCHER = {"nodes": 1, "tasks_per_node": 1, "gpus_per_node": None}


@pytest.mark.parametrize(
    ("trainer", "launcher", "words"),
    [
        (["trainer=ddp"], {}, "tasks_per_node=1"),
        (["trainer=ddp"], {"tasks_per_node": 2, "gpus_per_node": 1}, "gpus_per_node=1"),
        (["trainer=gpu"], {}, "gpus_per_node=0"),
        (["+trainer.num_nodes=2"], {}, "nodes=1"),
        (["trainer.devices=auto"], {}, "trainer.devices=auto: SLURM starts one process for each"),
        (["trainer.devices=-1"], {"tasks_per_node": -1}, "trainer.devices=-1: SLURM"),
        (["trainer.devices='-1'"], {"tasks_per_node": "-1"}, "expected a number above 0"),
        (["trainer.devices='2'"], {}, "trainer.devices=2 on trainer.num_nodes=1"),
        (["trainer.devices='0,1'"], {}, "trainer.devices=2 on trainer.num_nodes=1"),
        (
            ["trainer=gpu", "trainer.devices='2'"],
            {"tasks_per_node": "2", "gpus_per_node": "1"},
            "gpus_per_node=1; ask for 2",
        ),
    ],
)
def test_processes_that_slurm_would_not_start_are_refused_before(trainer, launcher, words):
    with pytest.raises(ConfigError, match=words):
        check_processes(compose(*trainer), {**LAUNCHER, **launcher})


def test_processes_that_slurm_would_start_are_fine():
    check_processes(compose("trainer=ddp"), {**LAUNCHER, "tasks_per_node": 2, "gpus_per_node": 2})
    check_processes(compose("trainer=cpu"), LAUNCHER)
    for devices in ("2", "0,1", [0, 1]):  # hydra.launcher.tasks_per_node follows trainer.devices
        config = compose("trainer=cpu", f"trainer.devices={devices!r}")
        check_processes(config, {**LAUNCHER, "tasks_per_node": devices})


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
