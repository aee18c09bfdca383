"""An infant and an adult in one picture: rendered each by itself, pasted where they are wanted."""

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.io.paths import config_dir
from fidip.synth.body.body_model import default_body
from fidip.synth.scene.picture import render_person

SIDE = 128


def draw_person(group, seed):
    """Render a person and return the image and the (17, 3) keypoints."""
    appearance = instantiate(OmegaConf.load(config_dir() / "appearance" / "varied.yaml"))
    rng = np.random.default_rng((seed, 0))
    picture = render_person(default_body(), group, appearance, (SIDE, SIDE), rng)
    return picture.image, picture.keypoints


def paste(people, corners, wh):
    """Paste people (image, keypoints) into a grey image at (x, y); return it and the keypoints."""
    picture = np.full((wh[1], wh[0], 3), 90, np.uint8)
    moved = []
    for (image, keypoints), (x, y) in zip(people, corners, strict=True):
        picture[y : y + SIDE, x : x + SIDE] = image
        moved.append(keypoints[:, :2] + [x, y])
    return picture, moved


def is_nearer(xy, one, other):
    """Whether a pose is nearer to one person's keypoints than to another's."""
    errors = [np.median(np.linalg.norm(xy - person, axis=1)) for person in (one, other)]
    return errors[0] < errors[1]
