"""The space of looks: what a set of images is like, as ranges that a random scene is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """Statistics of images: what surrounds the person, the light and the camera.

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
