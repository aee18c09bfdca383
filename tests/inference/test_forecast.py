"""How long a video will take."""

import pytest

from fidip.inference import forecast
from fidip.inference.forecast import with_forecast


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when they are added."""
    now = [0.0]
    monkeypatch.setattr(forecast, "perf_counter", lambda: now[0])
    return now


def run(clock, total, first_s, each_s, count=None):
    """Lines that are said, and after which frame each."""
    said = []
    frames = with_forecast(
        range(count or total), total, lambda line: said.append((at, line)), "v.mp4"
    )
    at = -1
    for at in frames:
        clock[0] += each_s if at else first_s
    assert at == (count or total) - 1
    return said


def test_a_long_video_is_announced_once_without_its_first_frame(clock):
    ((at, line),) = run(clock, 9000, first_s=50.0, each_s=0.1)
    assert line == "v.mp4: about 15 min for 9000 frames at 10.0 frames/s, drawing not included"
    assert at == 20


def test_a_slow_network_is_announced_after_seconds(clock):
    ((at, line),) = run(clock, 100, first_s=50.0, each_s=3.0)
    assert at <= 3
    assert line.startswith("v.mp4: about 5 min for 100 frames at 0.3 frames/s")


@pytest.mark.parametrize(("total", "count"), [(500, None), (0, 9000), (1, None), (2, None)])
def test_short_videos_and_those_of_unknown_length_are_not(clock, total, count):
    assert run(clock, total, first_s=5.0, each_s=0.1, count=count) == []
