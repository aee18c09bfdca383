"""Appearances: the statistics of a set of images, as ranges that each image is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from fidip.core.ranges import Range


@dataclass(frozen=True)
class Appearance:
    """Statistics of images: the person, the surroundings, the light and the camera.

    Every image draws its own values from these ranges. The defaults mean that something is absent.

    Attributes:
        patterned: chance that a cloth, floor or wall is not plain.
        mat: chance of a mat beneath the person.
        blanket: chance of a blanket over a lying person.
        toys: smallest and largest number of toys.
        light: strength of the main light relative to the sky; contrast grows with it.
        tint: relative standard deviation of the colour of light and of the white balance.
        exposure: standard deviation of the exposure, stops.
        defocus: largest radius of the lens blur, px.
        motion: largest length of the motion blur, px.
        noise: largest standard deviation of sensor noise at middle grey, 0 to 1.
        jpeg: quality range of the file.
        fill: longest side of the person as a fraction of the image; above 1 it is cut off.
        months: range of infants' ages, months from term; -2 is 32 weeks of gestation. None: newborn
            to 6 months, about.
        redraws: largest number of poses that are tried while a limb cuts into the body by over 1
            cm.
        skin: range of the individual typology angle of skin, degrees, drawn uniformly: 60 is very
            light, -55 very dark. None: interpolated from six tones.
        hands: largest opening of hands, 0 (an infant's fists, an adult's relaxed hands) to 1
            (flat).
        hat: chance of a hat.
        socks: chance of socks.
        sack: chance of a sleep sack on a lying infant.
        saturation, brightness: ranges of dyes and paints, 0 to 1.
        household: chance that floor, wall and bedding are of household materials, not of any
            colour.
        lit_cloth: whether mats and blankets are lit from above. The first two appearances light
            them from below, and keep doing so: their images are published.
        collage: chance that a collage replaces floor and wall; stills only.
        cot: chance that a lying or sitting infant is in a cot with bars.
        furniture: smallest and largest number of large blocks in the background.
        caregiver: chance of an adult with a hand at the infant, mostly outside the image.
        held: chance that an adult holds the infant up or in an arm.
        lap: chance that the infant sits on an adult's lap.
        lights: smallest and largest number of lights; all throw shadows.
        headlamp: whether the main light is at the camera, as with infrared cameras.
        infrared: whether images are grey and dyes hardly differ.
        overhead: chance of a camera straight above, as over a cot or an examination table.
        free_view: chance that the camera is anywhere from overhead to level, at any side.
        roll: half the range of the camera's roll, degrees. None: any for lying infants, else
            upright.
        focal_mm: range of focal lengths on 35 mm film (by the diagonal), mm. None: about 26 to 67.
        depth_of_field: largest blur of what is far from the person, px.
        vignette: largest loss of light in the corners, 0 to 1.
        contrast: standard deviation of the logarithm of the tone curve's slope.
        resolution: smallest number of the sensor's pixels along a side, as a fraction of the
            image's.
        samples: rendered points along each side of a sensor's pixel, at least one per image pixel.
            The first two appearances keep a larger number: their images are published.
    """

    patterned: float = 0.0
    mat: float = 0.0
    blanket: float = 0.0
    toys: tuple[int, int] = (0, 0)
    light: Range = (0.5, 0.8)
    tint: float = 0.0
    exposure: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    noise: float = 0.0
    jpeg: tuple[int, int] = (92, 96)
    fill: Range = (0.6, 0.92)
    months: Range | None = None
    redraws: int = 0
    skin: Range | None = None
    hands: float = 0.0
    hat: float = 0.0
    socks: float = 0.0
    sack: float = 0.0
    saturation: Range = (0.05, 0.75)
    brightness: Range = (0.15, 0.95)
    household: float = 0.0
    lit_cloth: bool = False
    collage: float = 0.0
    cot: float = 0.0
    furniture: tuple[int, int] = (0, 0)
    caregiver: float = 0.0
    held: float = 0.0
    lap: float = 0.0
    lights: tuple[int, int] = (1, 1)
    headlamp: bool = False
    infrared: bool = False
    overhead: float = 0.0
    free_view: float = 0.0
    roll: float | None = None
    focal_mm: Range | None = None
    depth_of_field: float = 0.0
    vignette: float = 0.0
    contrast: float = 0.0
    resolution: float = 1.0
    samples: float = 1.5
