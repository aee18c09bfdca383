"""Prediction from the frames around each frame of a video."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fidip.core.poses import Poses
from fidip.inference import Predictor
from fidip.inference.crop_windows import window_around
from fidip.inference.runtime import SequenceRuntime, TorchRuntime, make_runtime
from fidip.inference.sequence import Refiner, refined, sliding_windows
from fidip.io.video import Frame
from fidip.nn import HeatmapFusion, SequenceNet
from tests.conftest import STANDING
from tests.nn.spot_net import Colours, Shrink, spot_codec, spot_net

SPOTS = np.array([[40.0, 36.0], [62.0, 48.0], [50.0, 70.0]])
"""xy in image px of the red, the green and the blue spot in the first frame."""
STEP = np.array([3.0, 1.0])
COUNT = 6


class Pick(HeatmapFusion):
    """Returns the maps of one frame of the window, which need not be the target frame."""

    def __init__(self, past, future, number):
        super().__init__(past, future)
        self.number = number

    def forward(self, maps):
        return maps[:, self.number]


def make_predictor(fusion):
    runtime = SequenceRuntime(TorchRuntime(spot_net(), "cpu"), fusion)
    return Predictor(runtime, spot_codec(), flip_test=False)


def film():
    """Frames with three spots that move, and the poses that a tracker finds: near them."""
    y, x = np.mgrid[:120, :120]
    for number in range(COUNT):
        image = np.zeros((120, 120, 3))
        for channel, at in enumerate(SPOTS + number * STEP):
            image[..., channel] = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 50)
        xy = (STANDING * 3 + [52, 54] + number * STEP)[None]
        box = np.array([[*(xy[0].mean(axis=0) - 45), 90.0, 90.0]])
        pose = Poses.of_keypoints(xy, np.ones((1, 17), np.float32), boxes_xywh=box)
        yield Frame(image.round().astype(np.uint8), number, number / 25), pose


@pytest.mark.parametrize(("past", "future"), [(2, 2), (4, 0), (1, 3)])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_the_output_is_for_its_own_frame_and_windows_repeat_the_ends(past, future, shift):
    if not 0 <= past + shift < past + 1 + future:
        pytest.skip("no such frame in the window")
    predictor = make_predictor(Pick(past, future, past + shift))
    found = list(refined(film(), predictor))
    assert [frame.index for frame, _ in found] == list(range(COUNT))
    for number, (_, pose) in enumerate(found):
        shown = min(max(number + shift, 0), COUNT - 1)
        np.testing.assert_allclose(pose.xy[0, :3], SPOTS + shown * STEP, atol=0.7)


@pytest.mark.parametrize("future", [0, 2])
def test_no_more_frames_than_needed_are_read_ahead(future):
    read = []
    frames = (read.append(pair[0].index) or pair for pair in film())
    for frame, _ in refined(frames, make_predictor(Pick(2, future, 2))):
        assert read[-1] == min(frame.index + future, COUNT - 1)


def test_a_camera_gives_what_a_video_gives():
    predictor = make_predictor(Pick(2, 0, 1))
    refiner, expected = Refiner.for_camera(predictor), refined(film(), predictor)
    for (frame, pose), (_, wanted) in zip(film(), expected, strict=True):
        found = refiner(frame.image, pose)
        frame.image[:] = 255  # an overlay is drawn
        np.testing.assert_array_equal(found.xy, wanted.xy)
        np.testing.assert_array_equal(found.scores, wanted.scores)


def test_a_camera_does_not_look_ahead(caplog):
    assert Refiner.for_camera(make_predictor(Pick(2, 1, 2))) is None
    assert "looks 1 frames ahead" in caplog.text
    assert Refiner.for_camera(Predictor(TorchRuntime(spot_net(), "cpu"), spot_codec())) is None


def test_without_a_network_for_sequences_poses_are_unchanged():
    given = list(film())
    found = list(refined(given, Predictor(TorchRuntime(spot_net(), "cpu"), spot_codec())))
    assert found == given


def test_an_unknown_pose_stays_unknown():
    frames = [
        (frame, Poses.of_keypoints(np.full((1, 17, 2), np.nan), np.zeros((1, 17), np.float32)))
        for frame, _ in film()
    ]
    found = list(refined(frames, make_predictor(Pick(1, 1, 1))))
    assert len(found) == COUNT
    assert all(np.isnan(pose.xy).all() for _, pose in found)


def test_the_window_is_as_large_as_that_of_the_tracker():
    """Also where the found keypoints lie close together."""
    frames = [
        (frame, replace(pose, xy=pose.xy.mean(1, keepdims=True) + (pose.xy - pose.xy.mean(1)) / 9))
        for frame, pose in film()
    ]
    for (_, given), (_, found) in zip(
        frames, refined(frames, make_predictor(Pick(1, 1, 1))), strict=True
    ):
        np.testing.assert_allclose(found.boxes_xywh[0], given.boxes_xywh[0])


def test_windows_of_few_items_are_full():
    assert list(sliding_windows([7], 2, 3)) == [[7] * 6]
    assert list(sliding_windows([], 2, 3)) == []
    assert list(sliding_windows([1, 2], 1, 3)) == [[1, 1, 2, 2, 2], [1, 2, 2, 2, 2]]


def test_the_runtime_computes_what_the_network_computes():
    torch.manual_seed(0)
    net = SequenceNet(Shrink(), Colours, HeatmapFusion(1, 1)).eval()
    torch.nn.init.normal_(net.fusion.residual.weight)
    crops = torch.randint(0, 255, (2, 3, 3, 96, 96), dtype=torch.uint8)
    runtime = make_runtime("torch", net, spot_codec(), "cpu")
    with torch.inference_mode():
        windows = net(net.normalize(crops)).heatmaps
        singles = net(net.normalize(crops[:, 0])).heatmaps
    torch.testing.assert_close(runtime(crops), windows, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(runtime(crops[:, 0]), singles, rtol=1e-3, atol=1e-4)


def test_averages_of_mirrored_and_rotated_windows_work_on_sequences():
    fusion = HeatmapFusion(1, 1)
    frames = [frame.image for frame, _ in film()][:3]
    single = Predictor(TorchRuntime(spot_net(), "cpu"), spot_codec(), True, [20.0])
    predictor = make_predictor(fusion).with_averages(True, [20.0])
    (_, pose), *_ = film()
    window = window_around(pose.xy[0], pose.scores[0], 1.0)
    alone = single(frames[1], [window])
    found = predictor.predict_clip(frames, window)  # the fusion is untrained
    np.testing.assert_allclose(found.xy, alone.xy, atol=1e-3)
    np.testing.assert_allclose(found.boxes_xywh, alone.boxes_xywh)
