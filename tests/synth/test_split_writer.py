"""Generated data sets: the same for any number of workers, and labelled as they appearance."""

import json

import cv2
import numpy as np
import pytest

from fidip.synth import Appearance, ImageSet, RenderSettings, render_person, write_split
from fidip.synth.body.body_model import default_body
from fidip.synth.camera.pinhole import ViewAngles, look_at
from fidip.synth.render.light import Light, shade
from fidip.synth.render.mesh import Mesh
from fidip.synth.render.raster import draw

PARTS = [ImageSet("infant", "clean", True, 3), ImageSet("infant", "home", False, 2)]
APPEARANCES = {
    "clean": Appearance(),
    "home": Appearance(patterned=0.7, blanket=0.5, toys=(1, 3), noise=0.05, jpeg=(60, 70)),
}


def write(root, workers):
    write_split(root, "train_infant", PARTS, RenderSettings(APPEARANCES, (96, 96), 3, workers))
    return {path.name: path.read_bytes() for path in sorted(root.rglob("*.*")) if path.is_file()}


def test_the_number_of_workers_does_not_matter(tmp_path):
    alone, together = write(tmp_path / "one", 1), write(tmp_path / "two", 2)
    assert alone == together
    assert len(alone) == 6


def test_the_layout_is_syrips(tmp_path):
    write(tmp_path, 1)
    content = json.loads((tmp_path / "annotations/person_keypoints_train_infant.json").read_text())
    names = [image["file_name"] for image in content["images"]]
    assert names == [
        "train10001.jpg",
        "train10002.jpg",
        "train10003.jpg",
        "train00001.jpg",
        "train00002.jpg",
    ]
    assert [image["is_synthetic"] for image in content["images"]] == [True] * 3 + [False] * 2
    assert all((tmp_path / "images/train_infant" / name).exists() for name in names)
    assert len(content["annotations"][0]["keypoints"]) == 51


@pytest.mark.parametrize("seed", range(6))
def test_labels_agree_with_the_picture(seed):
    """In a clean appearance, the box encloses the pixels that differ from the background."""
    appearance = Appearance(fill=(0.5, 0.7))
    picture = render_person(
        default_body(), "infant", appearance, (160, 160), np.random.default_rng(seed)
    )
    keypoints, (x, y, width, height) = picture.keypoints, picture.box_xywh
    assert picture.image.shape == (160, 160, 3)
    assert set(keypoints[:, 2]) <= {0, 1, 2}
    assert (keypoints[:, 2] == 2).sum() >= 4
    inside = keypoints[keypoints[:, 2] > 0]
    assert (inside[:, 0] >= x - 3).all()
    assert (inside[:, 0] <= x + width + 3).all()
    assert (inside[:, 1] >= y - 3).all()
    assert (inside[:, 1] <= y + height + 3).all()
    assert 0.2 * width * height < picture.area <= width * height


def test_a_ball_is_drawn_where_projection_puts_it():
    from fidip.synth.scene.props import solid

    camera = look_at(np.array([0.0, 0.0, 0.5]), 3.0, ViewAngles(30, 40, 25), 300.0, (121, 121))
    ball = solid(np.full(3, 0.3), 1.0, 0, resolution=40)
    ball = Mesh(ball.vertices + np.array([0.2, 0.1, 0.5]), ball.faces, ball.texture, 0)
    surface = draw([ball], camera, np.array([0.0, 1.0, 0.0, 50.0]))
    seen = surface.material == 0
    x, y, depth = camera.project(np.array([[0.2, 0.1, 0.5]]))[0]
    rows, columns = np.nonzero(seen)
    assert columns.mean() == pytest.approx(x, abs=0.7)
    assert rows.mean() == pytest.approx(y, abs=0.7)
    assert seen.sum() == pytest.approx(np.pi * (300 * 0.3 / depth) ** 2, rel=0.03)
    assert surface.depth[round(y), round(x)] == pytest.approx(depth - 0.3, abs=0.01)


def test_what_stands_in_the_light_throws_a_shadow():
    from fidip.synth.scene.props import solid

    camera = look_at(np.zeros(3), 4.0, ViewAngles(89, 0), 60.0, (81, 81))
    ball = solid(np.full(3, 0.25), 1.0, 0)
    ball = Mesh(ball.vertices + np.array([0, 0, 0.6]), ball.faces, ball.texture, 0)
    surface = draw([ball], camera, np.array([0.0, 1.0, 0.0, 50.0]))
    direction = np.array([0.6, 0.0, 0.8])
    light = Light(direction, np.ones(3), np.full(3, 0.2), np.zeros(3), 0.01)
    radiance = shade(surface, np.ones((81, 81, 3), np.float32), [ball], light)
    shadow = camera.project(np.array([[-0.45, 0.0, 0.0]]))[
        0
    ]  # where the ray through the ball lands
    lit = camera.project(np.array([[1.2, 0.8, 0.0]]))[0]
    dark, bright = (radiance[round(p[1]), round(p[0])].mean() for p in (shadow, lit))
    assert dark < 0.5 * bright


def test_images_are_files_that_opencv_reads(tmp_path):
    write(tmp_path, 1)
    for path in (tmp_path / "images").rglob("*.jpg"):
        assert cv2.imread(str(path)).shape == (96, 96, 3)
