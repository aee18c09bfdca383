"""Bars on the console and the estimated time of a long video."""

import pytest

from fidip.cli import console_progress as progress
from fidip.cli.console_progress import ConsoleProgress, Estimate


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when they are added."""
    now = [0.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    return now


def run(clock, total, first_s, each_s, count=None):
    """Estimates, and after how many frames each was made."""
    estimate, made = Estimate(), []
    estimate("v.mp4", 0, total)
    for done in range(1, (count or total) + 1):
        clock[0] += each_s if done > 1 else first_s
        line = estimate("v.mp4", done, total)
        made += [(done, line)] if line else []
    return made


def test_a_long_video_is_announced_once_without_its_first_frame(clock):
    ((done, line),) = run(clock, 9000, first_s=50.0, each_s=0.1)
    assert line == "v.mp4: about 15 min for 9000 frames at 10.0 frames/s"
    assert done == 21


def test_a_slow_network_is_announced_after_seconds(clock):
    ((done, line),) = run(clock, 100, first_s=50.0, each_s=3.0)
    assert done <= 3
    assert line.startswith("v.mp4: about 5 min for 100 frames at 0.3 frames/s")


@pytest.mark.parametrize(("total", "count"), [(500, None), (0, 9000), (1, None), (2, None)])
def test_short_videos_and_those_of_unknown_length_are_not(clock, total, count):
    assert run(clock, total, first_s=5.0, each_s=0.1, count=count) == []


def test_every_stage_has_a_bar_that_is_closed(clock, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with ConsoleProgress("frame") as bar:
        for stage in ("v.mp4", "drawing"):
            for done in range(4):
                bar(stage, done, 3)
    shown = capsys.readouterr().err
    assert "v.mp4: 100%" in shown
    assert "drawing: 100%" in shown
    assert shown.endswith("\n")
