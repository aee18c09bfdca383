"""A small software renderer: triangles to pixels, shadows, light. No GL, no GPU.

World space is in metres with z up and the floor at z = 0. A camera looks along its own z axis with x to the
right and y down; pixel centres are integers. All kernels are compiled once and cached.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]

FLOOR, WALL = -1, -2
_NEAR = 0.02


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera.

    Attributes:
        rotation: (3, 3) world to camera.
        position: (3,) centre of projection, world metres.
        focal: focal length in px.
        size_wh: image (width, height) in px; the optical axis meets its centre.
    """

    rotation: Floats
    position: Floats
    focal: float
    size_wh: tuple[int, int]

    @property
    def center(self) -> Floats:
        """(2,) principal point in px."""
        return (np.array(self.size_wh, dtype=float) - 1) / 2

    def project(self, points: Floats) -> Floats:
        """(N, 3) world points to (N, 3): x and y in image px, and depth along the optical axis in metres."""
        local = (points - self.position) @ self.rotation.T
        xy = self.focal * local[:, :2] / local[:, 2:] + self.center
        return np.concatenate([xy, local[:, 2:]], axis=1)

    def scaled(self, factor: float) -> Camera:
        """The same view with ``factor`` times as many pixels a side."""
        width, height = self.size_wh
        size = (round(width * factor), round(height * factor))
        return Camera(self.rotation, self.position, self.focal * factor, size)


def look_at(
    target: Floats,
    distance: float,
    elevation: float,
    azimuth: float,
    roll: float,
    focal: float,
    size_wh: tuple[int, int],
) -> Camera:
    """A camera ``distance`` metres from the target; angles in degrees.

    Elevation 90 looks straight down, 0 is level; azimuth 0 stands at -y; roll turns the image.
    """
    e, a, r = np.deg2rad([elevation, azimuth, roll])
    back = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    down = np.cross(-back, right)
    rotation = np.stack([right, down, -back])
    turn = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return Camera(turn @ rotation, target + distance * back, focal, size_wh)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with what the materials need to colour them.

    Attributes:
        vertices: (V, 3) world metres.
        faces: (F, 3) int32.
        texture: (V, 3) coordinates for solid textures, metres; they do not move with the pose.
        layers: (V, 4) signed cover of up to four material layers; the last positive one is on top.
        material: index of the mesh's material.
    """

    vertices: Floats
    faces: NDArray[np.int32]
    texture: Floats
    material: int
    layers: Floats = field(default_factory=lambda: np.zeros((0, 4)))

    def normals(self) -> Floats:
        """(V, 3) unit vertex normals, area weighted."""
        return vertex_normals(self.vertices, self.faces)


@dataclass(frozen=True, eq=False)
class Surface:
    """What each pixel shows (a G-buffer), all (H, W, ...).

    Attributes:
        material: (H, W) int32 material index; ``FLOOR`` and ``WALL`` for the room.
        depth: (H, W) float32 metres along the optical axis.
        position, normal, texture: (H, W, 3) float32.
        layers: (H, W, 4) float32.
    """

    material: NDArray[np.int32]
    depth: Pixels
    position: Pixels
    normal: Pixels
    texture: Pixels
    layers: Pixels


@dataclass(frozen=True, eq=False)
class Light:
    """A distant light with soft shadows, over a sky and a bounce from below.

    Attributes:
        direction: (3,) unit vector towards the light.
        color, sky, bounce: (3,) linear RGB strength of the light, from above and from below.
        softness: radius of the shadow's blur, metres.
    """

    direction: Floats
    color: Floats
    sky: Floats
    bounce: Floats
    softness: float


def draw(meshes: list[Mesh], camera: Camera, wall: Floats) -> Surface:
    """Rasterise meshes in front of a floor (z = 0) and a wall.

    ``wall`` is (4,): a unit normal and an offset d, the plane n . x = d.
    """
    vertices, faces, owner = _join(meshes)
    texture = np.concatenate([m.texture for m in meshes])
    layers = np.concatenate(
        [m.layers if len(m.layers) else np.zeros((len(m.vertices), 4)) for m in meshes]
    )
    normals = np.concatenate([m.normals() for m in meshes])
    width, height = camera.size_wh
    face, bary = rasterize(camera.project(vertices), faces, width, height)
    ray = (camera.rotation, camera.position, camera.focal, camera.center)
    return Surface(
        *_resolve(face, bary, faces, owner, vertices, normals, texture, layers, *ray, wall)
    )


def _join(meshes: list[Mesh]) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32]]:
    """All vertices, all faces, and the material of each face."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    faces = np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)])
    owner = np.repeat([m.material for m in meshes], [len(m.faces) for m in meshes])
    return (
        np.concatenate([m.vertices for m in meshes]),
        faces.astype(np.int32),
        owner.astype(np.int32),
    )


def silhouette(mesh: Mesh, camera: Camera) -> NDArray[np.bool_]:
    """(H, W) True where the mesh alone would show, occluders left out."""
    face, _ = rasterize(camera.project(mesh.vertices), mesh.faces, *camera.size_wh)
    return face >= 0


def shade(surface: Surface, albedo: Pixels, meshes: list[Mesh], light: Light) -> Pixels:
    """(H, W, 3) linear RGB radiance: light through a shadow map, sky, bounce and a faint gloss."""
    vertices, faces, _ = _join(meshes)
    axes = _light_axes(light.direction)
    local = vertices @ axes.T
    low, high = local.min(0) - 0.02, local.max(0) + 0.02
    size = 256
    texel = float((high - low)[:2].max() / (size - 1))
    # Orthographic: depth grows away from the light; a constant far plane keeps the sign positive.
    screen = np.concatenate([(local[:, :2] - low[:2]) / texel, high[2:] + 1 - local[:, 2:]], axis=1)
    shadow = depth_map(screen, faces, size)
    return _light_pixels(
        surface.material, surface.position, surface.normal, albedo, shadow, axes,
        low[:2], texel, high[2] + 1, max(1, int(light.softness / texel)),
        light.direction, light.color, light.sky, light.bounce,
    )  # fmt: skip


def _light_axes(direction: Floats) -> Floats:
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction])


@njit(cache=True)
def vertex_normals(vertices, faces):  # pragma: no cover - compiled
    """(V, 3) area-weighted unit normals of (V, 3) vertices and (F, 3) faces."""
    out = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2)
        if length > 0:
            out[v] /= length
    return out


@njit(cache=True)
def rasterize(screen, faces, width, height):  # pragma: no cover - compiled
    """The nearest face of every pixel.

    Args:
        screen: (V, 3) x, y in px and depth.
        faces: (F, 3).

    Returns:
        face (H, W) int32, -1 for none; barycentric coordinates (H, W, 2) float32 of the second and third
        corner, perspective correct.
    """
    face = np.full((height, width), -1, np.int32)
    nearest = np.zeros((height, width), np.float64)  # inverse depth
    bary = np.zeros((height, width, 2), np.float32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if screen[a, 2] < _NEAR or screen[b, 2] < _NEAR or screen[c, 2] < _NEAR:
            continue
        ax, ay, bx, by, cx, cy = (
            screen[a, 0],
            screen[a, 1],
            screen[b, 0],
            screen[b, 1],
            screen[c, 0],
            screen[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        ia, ib, ic = 1.0 / screen[a, 2], 1.0 / screen[b, 2], 1.0 / screen[c, 2]
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                inverse = wa * ia + wb * ib + wc * ic
                if inverse > nearest[y, x]:
                    nearest[y, x] = inverse
                    face[y, x] = f
                    bary[y, x, 0] = wb * ib / inverse
                    bary[y, x, 1] = wc * ic / inverse
    return face, bary


@njit(cache=True)
def depth_map(screen, faces, size):  # pragma: no cover - compiled
    """(size, size) float32 smallest depth of orthographically projected faces; infinite where nothing is."""
    out = np.full((size, size), np.inf, np.float32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = (
            screen[a, 0],
            screen[a, 1],
            screen[b, 0],
            screen[b, 1],
            screen[c, 0],
            screen[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        for y in range(
            max(0, int(np.ceil(min(ay, by, cy)))), min(size - 1, int(np.floor(max(ay, by, cy)))) + 1
        ):
            for x in range(
                max(0, int(np.ceil(min(ax, bx, cx)))),
                min(size - 1, int(np.floor(max(ax, bx, cx)))) + 1,
            ):
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                depth = wa * screen[a, 2] + wb * screen[b, 2] + wc * screen[c, 2]
                out[y, x] = min(out[y, x], depth)
    return out


@njit(cache=True)
def _resolve(
    face,
    bary,
    faces,
    owner,
    vertices,
    normals,
    texture,
    layers,
    rotation,
    position,
    focal,
    center,
    wall,
):  # pragma: no cover - compiled
    """Interpolate what each pixel shows; where no face is, meet the floor or the wall."""
    height, width = face.shape
    material = np.empty((height, width), np.int32)
    depth = np.empty((height, width), np.float32)
    point = np.empty((height, width, 3), np.float32)
    normal = np.empty((height, width, 3), np.float32)
    coords = np.empty((height, width, 3), np.float32)
    cover = np.zeros((height, width, 4), np.float32)
    for y in range(height):
        for x in range(width):
            f = face[y, x]
            if f >= 0:
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                wb, wc = bary[y, x, 0], bary[y, x, 1]
                wa = 1.0 - wb - wc
                material[y, x] = owner[f]
                for i in range(3):
                    point[y, x, i] = wa * vertices[a, i] + wb * vertices[b, i] + wc * vertices[c, i]
                    normal[y, x, i] = wa * normals[a, i] + wb * normals[b, i] + wc * normals[c, i]
                    coords[y, x, i] = wa * texture[a, i] + wb * texture[b, i] + wc * texture[c, i]
                for i in range(4):
                    cover[y, x, i] = wa * layers[a, i] + wb * layers[b, i] + wc * layers[c, i]
            else:
                rx, ry = (x - center[0]) / focal, (y - center[1]) / focal
                dx = rotation[0, 0] * rx + rotation[1, 0] * ry + rotation[2, 0]
                dy = rotation[0, 1] * rx + rotation[1, 1] * ry + rotation[2, 1]
                dz = rotation[0, 2] * rx + rotation[1, 2] * ry + rotation[2, 2]
                floor = -position[2] / dz if dz < -1e-6 else 1e6
                toward = wall[0] * dx + wall[1] * dy + wall[2] * dz
                gap = wall[3] - (
                    wall[0] * position[0] + wall[1] * position[1] + wall[2] * position[2]
                )
                back = gap / toward if abs(toward) > 1e-6 and gap / toward > 0 else 1e6
                t = min(floor, back, 50.0)
                on_floor = floor <= back
                material[y, x] = FLOOR if on_floor else WALL
                point[y, x, 0] = position[0] + t * dx
                point[y, x, 1] = position[1] + t * dy
                point[y, x, 2] = position[2] + t * dz
                for i in range(3):
                    coords[y, x, i] = point[y, x, i]
                    normal[y, x, i] = (1.0 if i == 2 else 0.0) if on_floor else -wall[i]
            away = 0.0
            for i in range(3):
                away += rotation[2, i] * (point[y, x, i] - position[i])
            depth[y, x] = away
    return material, depth, point, normal, coords, cover


@njit(cache=True)
def _light_pixels(
    material,
    point,
    normal,
    albedo,
    shadow,
    axes,
    low,
    texel,
    far,
    reach,
    direction,
    color,
    sky,
    bounce,
):  # pragma: no cover - compiled
    height, width = material.shape
    size = shadow.shape[0]
    out = np.empty((height, width, 3), np.float32)
    for y in range(height):
        for x in range(width):
            px, py, pz = point[y, x, 0], point[y, x, 1], point[y, x, 2]
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            facing = nx * direction[0] + ny * direction[1] + nz * direction[2]
            u = (axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz - low[0]) / texel
            v = (axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz - low[1]) / texel
            w = far - (axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz)
            bias = texel * (1.5 + 2.0 * reach * (1.0 - max(facing, 0.0)))
            lit, taps = 0.0, 0
            for j in range(-2, 3):
                for i in range(-2, 3):
                    s, t = int(np.rint(u + i * reach * 0.5)), int(np.rint(v + j * reach * 0.5))
                    taps += 1
                    if s < 0 or t < 0 or s >= size or t >= size or w - bias <= shadow[t, s]:
                        lit += 1.0
            # Wrapped diffuse light stands in for light scattered under skin and in cloth.
            diffuse = max(0.0, (facing + 0.15) / 1.15) * lit / taps
            up = 0.5 + 0.5 * nz
            # Close to the floor less of the sky is seen.
            open_sky = 0.55 + 0.45 * min(1.0, max(0.0, pz) / 0.12) if material[y, x] >= 0 else 1.0
            open_sky *= 0.6 + 0.4 * lit / taps
            for k in range(3):
                ambient = sky[k] * up * open_sky + bounce[k] * (1.0 - up)
                out[y, x, k] = albedo[y, x, k] * (ambient + color[k] * diffuse)
    return out
