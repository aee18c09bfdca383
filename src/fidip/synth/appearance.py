"""The space of looks: what a set of images is like, as ranges that a random scene is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """Statistics of images: the person, what surrounds them, the light and the camera.

    A look is a point in this space; every image draws its own values from it. What is left at its
    default is absent, so a look says only what it has.

    Attributes:
        patterned: chance that a cloth, floor or wall is not plain.
        mat, blanket: chance of a mat beneath and of a blanket over a lying person.
        toys: fewest and most toys around.
        light: strength of the main light against the sky; contrast grows with it.
        tint: standard deviation of the colour of light and of the white balance, relative.
        exposure: standard deviation of the exposure in stops.
        defocus, motion: largest radius of the lens blur and length of the motion blur, px.
        noise: largest standard deviation of sensor noise at middle grey, 0 to 1.
        jpeg: quality range of the file.
        fill: longest side of the person as a share of the image; over 1 is cut off.
        months: range of infants' ages from term, -2 (32 weeks of gestation) to 12. None: about newborn to 6 months.
        redraws: how often a pose may be drawn anew while a limb cuts into the body by over a centimetre.
        skin: range of the individual typology angle of skin, degrees, drawn uniformly: 60 is very light,
            -55 very dark. None: a list of six tones.
        hands: how far hands open at most, 0 (an infant's fists, an adult's relaxed hands) to 1 (flat); each hand is drawn.
        hat, socks, sack: chance of a hat, of socks, and of a sleep sack on a lying infant.
        saturation, brightness: ranges of dyes and paints, 0 to 1.
        household: chance that floor, wall and bedding are of household materials rather than of any colour.
        lit_cloth: mats and blankets are lit from above. The first two looks light them from below, by mistake; their
            images stay as they were published.
        collage: chance that a collage of overlapping things takes the place of floor and wall; stills only.
        cot: chance that a lying or sitting infant is in a cot with bars.
        furniture: fewest and most large blocks in the background.
        caregiver: chance of an adult whose hands reach for the infant; most of the adult is out of the frame.
        held, lap: chance that an infant is held by an adult, up or in an arm, and that it sits on an adult's lap.
        lights: fewest and most lights; all throw shadows.
        headlamp: the main light is at the camera and weakens towards the corners, as with infrared cameras.
        infrared: grey images, in which dyes hardly differ.
        overhead: chance of a camera straight above, as over a cot or an examination table.
        free_view: chance that the camera stands anywhere from overhead to level, at any side.
        roll: half width of the camera's roll, degrees. None: any for lying infants, else upright.
        focal_mm: focal lengths as on 35 mm film (by the diagonal), mm. None: about 26 to 67.
        depth_of_field: largest blur of what is far from the person, px.
        vignette: largest loss of light in the corners, 0 to 1.
        contrast: standard deviation of the slope of the tone curve.
        resolution: smallest share of the image's pixels that the sensor has along each side, 0 to 1.
        samples: points along each side of a sensor's pixel whose colours are averaged; at least one for a pixel of the
            image. The first two looks keep more than lens blur and JPEG let through; their images stay as published.
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
