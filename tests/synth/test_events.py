"""Events of clips: what the pictures show, and that labels are those of the middle of exposures."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import hydra
import numpy as np
import pytest

from fidip.cli import config_dir
from fidip.core.errors import ConfigError
from fidip.metrics import track_quality
from fidip.synth import (
    Appearance,
    CameraMoves,
    Carrying,
    ClipEvents,
    Cover,
    DroppedFrames,
    Handling,
    Kicks,
    LightsOut,
    RenderSettings,
    Shutter,
)
from fidip.synth.body.body_model import default_body
from fidip.synth.dataset.clip_set import TIME_BASE, ClipSet
from fidip.synth.dataset.clip_writer import write_clips
from fidip.synth.labels.labels3d import OCCLUDERS
from fidip.synth.scene.eventful import ClipPlan, draw_eventful_scene
from fidip.synth.scene.identity import Identity
from fidip.synth.scene.picture import capture
from fidip.synth.scene.stage import HOLDER
from fidip.synthesize import _clip_sets

SIZE = (64, 64)
SECONDS = 2.0
BODY = default_body()
ANKLES = [15, 16]


@pytest.fixture(scope="module")
def person():
    return Identity.draw(BODY, "infant", Appearance(), 5)


@pytest.fixture
def scene(person):
    def draw(posture="supine", seed=1, **events):
        plan = ClipPlan(posture, Appearance(), SIZE, SECONDS, ClipEvents(**events))
        return draw_eventful_scene(BODY, person, plan, seed)

    return draw


def picture(stage, others=()):
    return capture(stage, Appearance(), np.random.default_rng(0), others)


def test_blur_is_the_mean_in_linear_light_with_the_labels_of_the_middle(scene):
    drawn = scene(kicks=Kicks())
    stages = [drawn.at(BODY, t) for t in (0.5, 0.4, 0.6)]
    blurred, sharp = picture(stages[0], stages[1:]), [picture(s) for s in stages]
    linear = np.mean([(s.image / 255) ** 2.2 for s in sharp], axis=0)
    assert np.abs(255 * linear ** (1 / 2.2) - blurred.image).max() < 1.5
    assert np.abs(blurred.image - sharp[0].image.astype(float)).max() > 20
    np.testing.assert_array_equal(blurred.keypoints, sharp[0].keypoints)


def test_an_exposure_averages_more_pictures_the_faster_things_move(scene):
    shutter = Shutter(seconds=(0.03, 0.03), step=0.6, most=7)
    drawn = scene(kicks=Kicks(pause=(0.5, 0.5), seconds=(0.4, 0.4)), shutter=shutter)
    assert drawn.exposure == 0.03
    at_rest, in_a_kick = (len(drawn._blurring(BODY, t)) for t in (0.1, 0.65))
    assert at_rest < in_a_kick == 6


def test_legs_are_fast_in_the_labelled_kicks_only(scene):
    drawn = scene(kicks=Kicks(pause=(0.4, 0.6)))
    times = np.arange(0, SECONDS, 1 / 30)
    stages = [drawn.at(BODY, t) for t in times]
    truth = np.array([s.camera.project(s.joints)[:, :2] for s in stages])
    fast = track_quality.rapid(times, truth, faster_than=3.0)[1:-1]
    inside = np.zeros((len(times), 2), bool)
    for start, length, side, _ in drawn.motion.kicks:
        inside[(times > start) & (times < start + length), int(side)] = True
    inside = inside[1:-1]
    assert fast[:, ANKLES][inside].mean() > 0.4
    assert fast[:, ANKLES][~inside].mean() < 0.05


def test_a_blanket_hides_legs_but_no_face_and_its_print_moves_with_it(scene):
    drawn = scene(cover=Cover(edge=(0.5, 0.5), slide=(0.6, 0.6)))
    first, last = (frame.occluder for frame in drawn.frames(BODY, np.array([0.0, SECONDS])))
    under = OCCLUDERS.index("object")
    assert (first[11:] == under).sum() >= 4
    assert (first[:5] != under).all()
    assert (last == under).sum() < (first == under).sum()
    cloths = [drawn.at(BODY, t).props[-1] for t in (0.0, SECONDS)]
    np.testing.assert_allclose(cloths[0].texture[:, :2], cloths[1].texture[:, :2], atol=1e-12)
    assert np.linalg.norm((cloths[1].vertices - cloths[0].vertices)[:, :2], axis=1).min() > 0.1


def test_hands_touch_joints_and_move_without_jumps(scene):
    drawn = scene(handling=Handling())
    (caregiver,) = drawn.effects
    stages = [drawn.at(BODY, t) for t in np.arange(0, 0.6, 0.02)]
    for path in caregiver.paths.values():
        touch = next(stop for stop in path.stops if stop[2] >= 0 and stop[0] > 0)
        time = float(touch[:2].mean())
        joint = drawn.at(BODY, time).joints[int(touch[2])]
        assert 0.02 < np.linalg.norm(path.place(np.tile(joint, (17, 1)), joint, time) - joint) < 0.1
    hands = np.array([s.props[-1].vertices for s in stages])
    assert np.linalg.norm(np.diff(hands, axis=0), axis=-1).max() < 0.12  # metres in 20 ms
    assert np.ptp(hands, axis=0).max() > 0.05


def test_the_adult_moves_with_the_infant_that_they_hold(scene):
    drawn = scene("held", carrying=Carrying(step=(0.1, 0.1)))
    stages = [drawn.at(BODY, t) for t in np.linspace(0, SECONDS, 9)]
    adults = [next(m for m in s.props if m.material == HOLDER).vertices for s in stages]
    hips = [s.joints[[11, 12]].mean(0) for s in stages]
    apart = [np.linalg.norm(a[::500] - h, axis=-1) for a, h in zip(adults, hips, strict=True)]
    np.testing.assert_allclose(apart, [apart[0]] * 9, atol=0.015)  # skin follows the thighs
    assert np.ptp(hips, axis=0).max() > 0.08
    legs = [np.linalg.norm(s.joints[15] - h) for s, h in zip(stages, hips, strict=True)]
    assert np.ptp(legs) > 0.01


def test_lights_go_out_and_the_picture_gets_dark_and_noisy(scene):
    drawn = scene(lights=LightsOut(start=(0.25, 0.25), seconds=(1, 1), stops=(4, 4)))
    drawn = replace(drawn, grain=4.0)
    times = np.array([0.3, 0.56, 1.45, 1.57, 1.99])  # out from 0.5 to 1.5 s
    before, dark, adapted, bright, after = (
        f.picture.image.astype(float) for f in drawn.frames(BODY, times)
    )
    means = [image.mean() for image in (before, dark, adapted, bright, after)]
    assert means[1] < 0.45 * means[0]
    assert means[1] < means[2] < means[0] < means[3]
    assert means[0] < means[4] < means[3]
    grains = [image[:6, :6].std(axis=(0, 1)).mean() for image in (before, adapted)]
    assert grains[1] > 1.5 * grains[0]


def test_the_same_number_is_the_same_infant():
    one, again, other = (Identity.draw(BODY, "infant", Appearance(), n) for n in (1, 1, 2))
    np.testing.assert_array_equal(one.rest, again.rest)
    np.testing.assert_array_equal(one.outfit.cover, again.outfit.cover)
    assert np.abs(one.rest - other.rest).max() > 0.005


KIND = ClipSet(
    group="infant",
    appearance="clean",
    postures=("supine",),
    number=1,
    seconds=0.5,
    fps=20,
    kind="mixed",
    events=ClipEvents(
        shutter=Shutter(most=3),
        kicks=Kicks(),
        camera=CameraMoves(pan=0.1),
        lights=LightsOut(),
        drops=DroppedFrames(chance=0.3, longest=2),
    ),
    subjects=(3, 7),
)
HELD = replace(KIND, kind="held", postures=("cradled",), events=ClipEvents(carrying=Carrying()))


def write(root, workers):
    settings = RenderSettings({"clean": Appearance()}, SIZE, 5, workers)
    return json.loads(write_clips(root, "clips", [KIND, HELD], settings).read_text())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("hard")
    return root, write(root, 1)


def test_clips_record_who_is_shown_and_what_happens_when(written):
    _, content = written
    videos = content["videos"]
    assert [(v["subject"], v["kind"]) for v in videos] == [
        (3, "mixed"),
        (7, "mixed"),
        (3, "held"),
        (7, "held"),
    ]
    assert videos[1]["file_name"] == "subject07_clip0002.mp4"
    for video in videos[:2]:
        assert 0.008 <= video["exposure"] <= 0.03
        assert video["lights_out"][0]["start"] < video["lights_out"][0]["end"]
        assert all(0 <= k["start"] < k["end"] and k["depth"] >= 0.7 for k in video["kicks"])
        assert {k["side"] for k in video["kicks"]} <= {"left", "right"}
    of_video = {v["id"]: v for v in videos}
    for image in content["images"]:
        assert image["subject"] == of_video[image["video_id"]]["subject"]
        assert image["kind"] == of_video[image["video_id"]]["kind"]
    assert all(len(a["occluder"]) == 17 for a in content["annotations"])


def test_lost_frames_are_gaps_in_the_file_and_in_the_labels(written):
    root, content = written
    for video in content["videos"]:
        labelled = [i["pts"] for i in content["images"] if i["video_id"] == video["id"]]
        with av.open(str(root / "videos/clips" / video["file_name"])) as file:
            shown = [frame.pts * frame.time_base for frame in file.decode(video=0)]
        assert shown == [Fraction(pts) * TIME_BASE for pts in labelled]
        assert video["frames"] == len(labelled)
        assert (video["frames"] < 10) == video["variable_frame_rate"] == (video["kind"] == "mixed")
    assert [i["id"] for i in content["images"]] == list(range(1, len(content["images"]) + 1))


def test_joints_project_to_the_keypoints_by_the_camera_of_the_frame(written):
    _, content = written
    cameras = {v["id"]: v["camera"] for v in content["videos"]}
    moved = []
    for image, annotation in zip(content["images"], content["annotations"], strict=True):
        camera = cameras[image["video_id"]]
        x, y, z = np.array(annotation["keypoints_3d"]).reshape(17, 3).T
        u = camera["focal_px"] * x / z + camera["center_px"][0]
        v = camera["focal_px"] * y / z + camera["center_px"][1]
        labelled = np.array(annotation["keypoints"]).reshape(17, 3)
        inside = labelled[:, 2] > 0
        np.testing.assert_allclose(labelled[inside, :2], np.c_[u, v][inside], atol=0.02)
        if "camera" in image:
            moved.append(image["camera"]["rotation"])
    assert len(moved) == sum(v["frames"] for v in content["videos"] if v["kind"] == "mixed")
    assert np.ptp(moved, axis=0).max() > 0.01


def test_workers_do_not_matter(written, tmp_path):
    assert write(tmp_path, 2) == written[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subjects": ()}, r"subjects=\[\]: expected numbers"),
        ({"events": None}, r"subjects=\[3, 7\]: expected numbers"),
        ({"postures": ("held",)}, "no infant posture 'held' with these events"),
        ({"postures": ("sitting",), "events": ClipEvents(cover=Cover())}, "'sitting'"),
        ({"postures": ("all_fours",), "events": ClipEvents(handling=Handling())}, "'all_fours'"),
        ({"events": ClipEvents(carrying=Carrying())}, "'supine' .* some of held, cradled"),
    ],
)
def test_events_that_do_not_suit_are_refused(change, named):
    with pytest.raises(ConfigError, match=named):
        replace(KIND, **change)


def test_the_preset_has_every_kind_of_every_infant_once_and_is_split_by_infant():
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("synthesize", ["preset=clips_hard", "out=unused"])
    splits = _clip_sets(config.preset)
    shown = {
        split: [(kind.kind, s) for kind in parts for s in kind.subjects * kind.number]
        for split, parts in splits.items()
    }
    train, test = (set(shown[split]) for split in ("clips_train", "clips_test"))
    assert len(train | test) == len(shown["clips_train"]) + len(shown["clips_test"]) == 40
    assert not {s for _, s in train} & {s for _, s in test}
    assert len({kind for kind, _ in train | test}) == 8
    assert all(kind.events.shutter for parts in splits.values() for kind in parts)
