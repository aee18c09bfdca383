"""Sweeps on a real SLURM of one node, which ``slurm-local.sh`` installs and starts."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("slurm-local.sh")
TINY = ("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5", "debug=smoke")
SMALL = (
    *("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"),
    *("hydra.launcher.timeout_min=15", "hydra.launcher.signal_delay_s=10"),
)
pytestmark = [pytest.mark.slow, pytest.mark.slurm]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A cluster of this machine; stopped at the end unless it was there before."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("slurm-local.sh needs root and apt")
    already = subprocess.run([SCRIPT, "status"], capture_output=True, check=False).returncode == 0
    started = subprocess.run([SCRIPT, "start"], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"no SLURM here: {started.stderr.strip().splitlines()[-1]}")
    yield
    if not already:
        subprocess.run([SCRIPT, "stop"], capture_output=True, check=False)


@pytest.fixture
def sweep(tmp_path, tiny_root):
    """Starts ``fidip train -m`` on the cluster, in an empty folder."""
    started = []

    def start(*overrides):
        arguments = ["-m", "experiment=scratch_demo", f"data.root={tiny_root}"]
        command = [sys.executable, "-m", "fidip.train", *arguments, *TINY, *SMALL, *overrides]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
    subprocess.run(["scancel", "--name=fidip", "--quiet"], check=False)


def finish(process):
    """Exit status and what was printed."""
    output, _ = process.communicate(timeout=240)
    return process.returncode, output


def states(folder):
    """By number of the job: the file that tells how it ended, if any."""
    jobs = sorted(folder.glob("outputs/scratch_demo/*/*"))
    return [
        [name for name in ("results.json", "failed.json") if (job / name).is_file()] for job in jobs
    ]


def job_ids(state):
    done = subprocess.run(
        ["squeue", "-h", "-r", "-n", "fidip", "-t", state, "-o", "%F_%K"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(done.stdout.split())


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, condition
        time.sleep(0.2)


def test_an_array_of_four_jobs_of_which_two_fail(sweep, tmp_path):
    code, output = finish(sweep("ckpt=null,nothing.pth", "seed=1,2"))
    assert code == 3, output
    assert states(tmp_path) == [["results.json"]] * 2 + [["failed.json"]] * 2
    assert "checkpoint nothing.pth: there is no such file" in output
    assert "2 of 4 runs are not finished" in output
    assert output.count("4 jobs in SLURM's array") == 1


def test_two_ranks_leave_one_run_with_every_test_image_once(sweep, tmp_path):
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
    code, output = finish(sweep(*two, "data.batch_size=1", "trainer.limit_test_batches=9"))
    assert code == 0, output
    assert states(tmp_path) == [["results.json"]]
    (run,) = tmp_path.glob("outputs/scratch_demo/*/*")
    assert json.loads((run / "environment.json").read_text())["processes"] == 2
    predictions = json.loads((run / "predictions.json").read_text())
    assert sorted(p["image_id"] for p in predictions) == [0, 1, 2, 3, 4]


def test_a_cancelled_job_is_told_and_runs_again_alone(sweep, tmp_path):
    process = sweep("seed=1,2", "hydra.launcher.array_parallelism=1")
    wait_for(lambda: len(job_ids("PENDING")) == 1 and len(job_ids("RUNNING")) == 1)
    (waiting,) = job_ids("PENDING")
    subprocess.run(["scancel", waiting], check=True)
    code, output = finish(process)
    assert code == 3, output
    assert f"job {waiting} was lost (CANCELLED" in output
    assert states(tmp_path) == [["results.json"], []]
    code, output = finish(
        sweep("seed=1,2", "hydra.launcher.array_parallelism=1", "sweep.resume=true")
    )
    assert code == 0, output
    assert "1 jobs in SLURM's array" in output
    assert states(tmp_path) == [["results.json"]] * 2


def test_processes_that_do_not_fit_are_told_before_anything_is_submitted(sweep, tmp_path):
    code, output = finish(sweep("trainer.devices=2", "hydra.launcher.tasks_per_node=1"))
    assert code == 2
    assert "make them equal, one task a device" in output
    assert not (tmp_path / "outputs" / ".slurm").exists()
