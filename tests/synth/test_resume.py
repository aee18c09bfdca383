"""A killed run goes on where it stopped, and the bytes are those of a run that was not."""

import os
import signal
import subprocess
import sys
import time

COMMAND = [
    "preset=tiny", "seed=4", "workers=1", "preset.size_wh=[64,64]",
    "preset.splits={train_infant: "
    "[{group: infant, appearance: clean, is_synthetic: true, count: 24}]}",
]  # fmt: skip


def start(out):
    command = [sys.executable, "-m", "fidip.synthesize", f"out={out}", *COMMAND]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def files(root):
    return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_killed_run_is_continued(tmp_path, cli):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    journal = killed / "annotations/person_keypoints_train_infant.journal"
    process = start(killed)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if journal.exists() and journal.read_text().count("\n") > 5:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not journal.with_suffix(".json").exists()
    before = {p: p.stat().st_mtime_ns for p in (killed / "images/train_infant").glob("*.jpg")}
    # As if the kill had torn the last line of the journal and the last image.
    with journal.open("a") as file:
        file.write('{"image": {"id": 1')
    newest = max(before, key=before.get)
    if len(before) >= journal.read_text().count("\n"):
        newest.write_bytes(newest.read_bytes()[:100])
    assert "resuming after" in cli("synthesize", f"out={killed}", *COMMAND).err
    first = min(before)
    assert first.stat().st_mtime_ns == before[first]  # not rendered again
    cli("synthesize", f"out={whole}", *COMMAND)
    assert files(killed) == files(whole)
    assert not journal.exists()


def test_other_settings_do_not_go_on(tmp_path):
    """A journal of another seed is not this run's."""
    from fidip.synth.dataset.work_queue import run_jobs

    file = tmp_path / "x.json"
    made = []

    def make(job):
        made.append(job)
        return {"job": job}

    for jobs in ([1, 2, 3], [1, 2, 4], [1, 2, 4]):
        run_jobs(make, jobs, 1, file, "x", lambda records, *_: records)
    assert made == [1, 2, 3, 1, 2, 4]  # the third call found all of the second's
