"""Sweeps on a real SLURM of one node, which ``slurm-local.sh`` installs and starts.

All that happens to them happens at the same time: most of it is waiting. A test then looks at
what came of one of them.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from fidip.io.run_directory import RunDirectory
from hydra_plugins.fidip_sweep import SECONDS_BETWEEN_QUESTIONS
from tests.cluster import commands

SCRIPT = Path(__file__).with_name("slurm-local.sh")
ENVIRONMENT = {"SLURM_LOCAL_CPUS": "8", "OMP_NUM_THREADS": "1"}
TINY = (
    *("experiment=fidip_demo", "ckpt=null", "method.domain_epochs=0", "trainer.max_epochs=3"),
    *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]"),
    "net.backbone.width=0.125",
    *("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.1"),
)
TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
SMALL = (
    *("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"),
    *("hydra.launcher.timeout_min=30", "hydra.launcher.signal_delay_s=10"),
)
TAKEN = threading.Event()
"""After it, jobs may be stopped for other reasons: a node on which one ends starts no other."""
pytestmark = [pytest.mark.slow, pytest.mark.slurm]


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine; stopped at the end unless it was there before."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("slurm-local.sh needs root and apt")
    os.environ.update(ENVIRONMENT)
    already = subprocess.run([SCRIPT, "status"], capture_output=True, check=False).returncode == 0
    started = subprocess.run([SCRIPT, "start"], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"no SLURM here: {started.stderr.strip().splitlines()[-1]}")
    yield
    slurm("scancel", "--user=root", "--quiet")
    if not already:
        subprocess.run([SCRIPT, "stop"], capture_output=True, check=False)


@pytest.fixture(scope="module")
def data(tiny_root, tmp_path_factory):
    """The tiny data set, its training images eight times, so that an epoch takes seconds."""
    root = Path(shutil.copytree(tiny_root, tmp_path_factory.mktemp("many") / "data"))
    file = root / "annotations" / "person_keypoints_train_infant.json"
    content = json.loads(file.read_text())
    for kind, ids in (("images", ["id"]), ("annotations", ["id", "image_id"])):
        content[kind] = [
            {**record, **{name: record[name] + 1000 * n for name in ids}}
            for n in range(8)
            for record in content[kind]
        ]
    file.write_text(json.dumps(content))
    return root


@pytest.fixture(scope="module")
def stories(cluster, data, tmp_path_factory):
    """By name: a future of the folder that a story leaves."""
    place = tmp_path_factory.mktemp("stories")
    tell = (whole, whole_of_two, preempted, cancelled, out_of_time)
    with ThreadPoolExecutor(len(tell)) as pool:
        yield {one.__name__: pool.submit(one, place / one.__name__, data) for one in tell}


class Sweep:
    """``fidip train -m`` on the cluster."""

    def __init__(self, folder, data, *overrides):
        self.folder = folder
        arguments = ["-m", *TINY, *SMALL, f"data.root={data}", *overrides]
        name = f"hydra.launcher.name={folder.name}"
        self.process = commands.train(folder, *arguments, name)

    def runs(self):
        return [RunDirectory(path) for path in sorted(self.folder.glob("outputs/fidip_demo/*/*"))]

    def finish(self, code):
        self.process.join(500)
        assert self.process.exitcode == code, self.printed()
        return self.printed()

    def printed(self):
        return (self.folder / "log").read_text()

    def jobs(self, state):
        asked = ("squeue", "-h", "-r", "-n", self.folder.name, "-t", state, "-o", "%i")
        return sorted(slurm(*asked).split())

    def wait(self, condition, what):
        until = time.monotonic() + 400
        while not condition():
            assert self.process.is_alive(), self.printed()
            assert time.monotonic() < until, f"{what}: {self.printed()}"
            time.sleep(0.2)

    def wait_for_epoch(self, number):
        """Until the first run is beyond an epoch."""

        def is_beyond():
            return any(str(number) in epochs(run) for run in self.runs()[:1])

        self.wait(is_beyond, f"epoch {number}")

    def wait_for_end(self, what):
        """Until its job has ended or is in the queue again.

        SLURM may call a job stopped for a while after it has been continued.
        """
        self.wait(lambda: not self.jobs("RUNNING,STOPPED"), what)

    def hold(self, number=0):
        """Stop its job beyond an epoch, so that it does not end before others are as far."""
        self.wait_for_epoch(number)
        (job,) = self.jobs("RUNNING")
        slurm("scancel", "--signal=STOP", job)
        return job

    def output_of_jobs(self):
        logs = self.folder.glob("outputs/.slurm/*/*")
        files = sorted(file for file in logs if file.suffix in {".out", ".err"})
        return "\n".join(file.read_text() for file in files)


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def epochs(run):
    """Of all rows of ``metrics.csv``, in their order."""
    if not run.metrics.is_file():
        return []
    with run.metrics.open(newline="") as file:
        return [row["epoch"] for row in csv.DictReader(file)]


def states(sweep_folder):
    """By number of the job: the file that tells how it ended, if any."""
    jobs = sorted(sweep_folder.glob("outputs/fidip_demo/*/*"))
    return [
        [name for name in ("results.json", "failed.json") if (job / name).is_file()] for job in jobs
    ]


def same(one, other):
    """Whether two runs left equal weights, bit by bit, and equal curves."""
    saved, others = (torch.load(run.last, weights_only=True)["state_dict"] for run in (one, other))
    assert saved.keys() == others.keys()
    assert all(torch.equal(saved[name], others[name]) for name in saved)
    rows, other_rows = (list(csv.DictReader(run.metrics.open())) for run in (one, other))
    assert [row.keys() for row in rows] == [row.keys() for row in other_rows]
    for row, other_row in zip(rows, other_rows, strict=True):
        for name, value in row.items():
            assert float(value or 0) == pytest.approx(float(other_row[name] or 0), abs=1e-5), name
    return True


# The stories.


def whole(folder, data):
    """A run that nothing happens to, without SLURM."""
    process = commands.train(folder, *TINY, f"data.root={data}", "hydra.run.dir=run")
    process.join(500)
    assert process.exitcode == 0, (folder / "log").read_text()
    return RunDirectory(folder / "run")


def whole_of_two(folder, data):
    """A run of two processes that nothing happens to, without SLURM."""
    group = {"TORCHELASTIC_RUN_ID": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    where = {"GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    arguments = (*TINY, *TWO, f"data.root={data}", "hydra.run.dir=run")
    processes = [
        commands.train(folder, *arguments, **group, **where, RANK=rank, LOCAL_RANK=rank)
        for rank in "01"
    ]
    for process in processes:
        process.join(500)
        assert process.exitcode == 0, (folder / "log").read_text()
    return RunDirectory(folder / "run")


def cancelled(folder, data):
    """One job is cancelled while it runs, one fails, and one is cancelled before it starts."""
    TAKEN.wait(500)
    overrides = ("ckpt=null,nothing.pth,later.ckpt", "hydra.launcher.array_parallelism=2")
    sweep = Sweep(folder, data, *overrides)
    sweep.wait(lambda: len(sweep.jobs("RUNNING")) == 2, "two jobs run")
    (waiting,) = sweep.jobs("PENDING")
    slurm("scancel", waiting)
    running = waiting.replace("_2", "_0")
    sweep.wait_for_epoch(1)
    slurm("scancel", running)
    first = sweep.finish(3)
    assert f"job {running} was lost (CANCELLED" in first
    assert f"job {waiting} was lost (CANCELLED" in first
    assert "3 of 3 runs are not finished" in first
    assert first.count("3 jobs in SLURM's array") == 1
    assert states(folder) == [[], ["failed.json"], []]
    shutil.copy(sweep.runs()[0].last, folder / "later.ckpt")
    again = Sweep(folder, data, *overrides, "sweep.resume=true").finish(3)
    assert "ckpt=nothing.pth: there is no such file" in again
    assert "1 of 3 runs are not finished" in again
    return folder


def preempted(folder, data):
    """A job, and one of two processes, in the way of a third one, each in the midst of an epoch.

    One gets SIGTERM, the other SIGUSR2.
    """
    folder.mkdir()
    where = ("hydra.launcher.partition=preempt", "hydra.launcher.gpus_per_node=1")
    signal = "+hydra.launcher.additional_parameters.signal=TERM@10"
    sweeps = Sweep(folder / "one", data, *where, signal), Sweep(folder / "two", data, *where, *TWO)
    try:
        with ThreadPoolExecutor(len(sweeps)) as pool:
            jobs = list(pool.map(Sweep.hold, sweeps))
        time.sleep(SECONDS_BETWEEN_QUESTIONS + 5)  # they ask, and a stopped job has not ended
        slurm("sbatch", "--partition=debug", "--gres=gpu:2", "--output=/dev/null", "--wrap=true")
        slurm("scancel", "--signal=CONT", *jobs)
        for sweep in sweeps:
            sweep.wait_for_end("the other job")
    finally:
        TAKEN.set()
    for sweep in sweeps:
        sweep.finish(0)
    return sweeps


def out_of_time(folder, data):
    """A job meets its time limit twice and is put back into the queue once."""
    bounded = ("trainer.max_epochs=1000", "callbacks.checkpoints.max_requeues=1")
    limit = ("hydra.launcher.timeout_min=1200", "hydra.launcher.signal_delay_s=600")
    sweep = Sweep(folder, data, *bounded, *limit)  # and it is signalled ten minutes before
    for restarts in (0, 1):
        done = len(epochs(sweep.runs()[0])) // 2 if restarts else 0
        job = sweep.hold(done)  # it leaves the CPU to the others until SLURM wakes it by its signal
        TAKEN.wait(500)
        slurm("scontrol", "update", f"JobId={job}", "EndTime=now+4minutes")
        if not restarts:
            sweep.wait_for_end("the time limit")
            slurm("scontrol", "update", f"JobId={job}", "TimeLimit=1200")
    sweep.finish(3)
    return sweep


# What came of them.


def test_only_cancelled_and_failed_jobs_are_run_again(stories):
    folder = stories["cancelled"].result()
    assert states(folder) == [["results.json"], ["failed.json"], ["results.json"]]
    (first, *_) = sorted(folder.glob("outputs/fidip_demo/*/*"))
    assert same(RunDirectory(first), stories["whole"].result())


def test_a_preempted_job_ends_as_if_nothing_had_happened(stories):
    sweep, _ = stories["preempted"].result()
    assert "stopped by SIGTERM in epoch" in sweep.output_of_jobs()
    (run,) = sweep.runs()
    assert same(run, stories["whole"].result())


def test_a_preempted_job_of_two_ranks_ends_as_if_nothing_had_happened(stories):
    _, sweep = stories["preempted"].result()
    assert "stopped by SIGUSR2 in epoch" in sweep.output_of_jobs()
    (run,) = sweep.runs()
    assert same(run, stories["whole_of_two"].result())
    assert json.loads(run.environment.read_text())["processes"] == 2
    predictions = json.loads(run.predictions.read_text())
    assert sorted(p["image_id"] for p in predictions) == [0, 1, 2, 3, 4]


def test_a_time_limit_is_survived_as_often_as_allowed(stories):
    sweep = stories["out_of_time"].result()
    printed = sweep.output_of_jobs()
    stops = re.findall(r"stopped by SIGUSR2 in epoch (\d+)", printed)
    assert len(stops) == 2
    assert "has been requeued 1 times (max_requeues): not again" in printed
    (run,) = sweep.runs()
    found = [int(epoch) for epoch in epochs(run)]
    assert found == [epoch for epoch in range(int(stops[1]) - 1) for _ in range(2)]
    assert run.to_resume() == run.last


def test_processes_that_do_not_fit_are_found_before_anything_is_submitted(cluster, data, tmp_path):
    misfit = ("trainer.devices=2", "hydra.launcher.tasks_per_node=1")
    sweep = Sweep(tmp_path, data, *misfit)
    assert "make them equal, one task a device" in sweep.finish(2)
    assert not (tmp_path / "outputs" / ".slurm").exists()
