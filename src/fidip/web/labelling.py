"""Routes of the labelling page: images, their people, and saving.

All of them are below the name of an open tab, so that other sites cannot call them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, Len
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from fidip.core.errors import DataError, FidipError
from fidip.core.skeleton import COCO17
from fidip.data.label_store import ChangedError, EditedPerson, LabelStore
from fidip.io.drawing import side_of
from fidip.io.images import decode_rgb, encode_image
from fidip.io.json import read_bytes
from fidip.web.camera_stream import NextPart, receive
from fidip.web.tabs import Message, Tab

STATIC = Path(__file__).parent
PAGES = {"/label": "label.html", "/label.js": "label.js", "/label.css": "label.css"}
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
}
"""The page loads nothing from other servers and sends nothing to them."""
BROWSER_IMAGES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif"}
"""Suffixes of images that browsers show."""
FAR = 1e6
Coordinate = Annotated[float, Ge(-FAR), Le(FAR)]
Keypoint = tuple[Coordinate, Coordinate, Annotated[int, Ge(0), Le(2)]]
PredictPeople = Callable[[Path], list[EditedPerson]]
"""Predicts the people of an image."""


class SentPerson(BaseModel):
    """Person as the page sends it; see ``EditedPerson``."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    id: int | None
    keypoints: Annotated[list[Keypoint], Len(len(COCO17), len(COCO17))]
    is_predicted: bool


class SentLabels(BaseModel):
    """Labels of an image as the page sends them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int
    is_done: bool
    people: Annotated[list[SentPerson], Len(0, 100)]


@dataclass(eq=False)
class Labelling:
    """Labels of the page, and predictions for images without labels.

    Attributes:
        store: the labels.
        predict: predicts the people of an image; one image at a time, in a thread.
    """

    store: LabelStore
    predict: PredictPeople
    _predicted: dict[Path, list[EditedPerson]] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    def overview(self) -> Message:
        """Return the images with their states, and the skeleton."""
        self.store.refresh()
        return {
            "file": str(self.store.file),
            "images": [
                {"id": id_, "name": name, "state": state}
                for id_, name, state in self.store.images()
            ],
            "joints": list(COCO17.joints),
            "limbs": [[a, b, side_of(COCO17, a, b)] for a, b in COCO17.limbs],
            "pairs": [list(pair) for pair in COCO17.flip_pairs],
        }

    def path(self, image_id: int) -> Path:
        """Return the path of an image.

        Raises:
            HTTPException: there is no such image.
        """
        try:
            return self.store.path(image_id)
        except KeyError:
            raise HTTPException(404, "there is no such image") from None

    async def people(self, image_id: int) -> Message:
        """Return the people of an image; predicted ones if it is new.

        Raises:
            HTTPException: there is no such image.
            DataError: the image cannot be read.
        """
        path = self.path(image_id)
        version, people = self.store.people(image_id)
        if people is None:
            loop = asyncio.get_running_loop()
            predicted = await loop.run_in_executor(self._thread, self._prediction, path)
            version, saved = self.store.people(image_id)  # another page may have saved by now
            people = predicted if saved is None else saved
        return {"version": version, "people": [_message(person) for person in people]}

    def _prediction(self, path: Path) -> list[EditedPerson]:
        if path not in self._predicted:
            self._predicted[path] = self.predict(path)
        return self._predicted[path]

    def save(self, image_id: int, body: bytes) -> Message:
        """Save the people of an image.

        Raises:
            HTTPException: they are malformed, cannot be written, or were changed in the meantime.
        """
        try:
            saved = SentLabels.model_validate_json(body)
            people = [
                EditedPerson(p.id, np.array(p.keypoints, dtype=np.float64), p.is_predicted)
                for p in saved.people
            ]
            ids = self.store.save(image_id, people, saved.is_done, saved.version)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise HTTPException(422, f"{where}: {problem['msg']}") from error
        except ChangedError as error:
            raise HTTPException(409, str(error)) from error
        except FidipError as error:
            raise HTTPException(507, str(error)) from error
        return {"version": saved.version + 1, "ids": ids}


def _message(person: EditedPerson) -> dict[str, Any]:
    return {
        "id": person.id,
        "keypoints": person.keypoints.round(3).tolist(),
        "is_predicted": person.is_predicted,
        "scores": None if person.scores is None else person.scores.round(3).tolist(),
    }


def add_labelling(
    server: FastAPI, labelling: Labelling, find: Callable[[str], Tab], next_part: NextPart
) -> None:
    """Add the labelling page to the application.

    Args:
        server: the application.
        labelling: the labels.
        find: returns the tab of a name; raises HTTPException if there is none.
        next_part: reads a part of a body; see ``fidip.web.server``.
    """
    for path, name in PAGES.items():
        server.add_api_route(path, _page(STATIC / name), response_class=FileResponse)
    server.include_router(reading_routes(labelling, find))

    @server.put("/tabs/{name}/label/{image}")
    async def save(request: Request, name: str, image: int) -> Message:
        tab = find(name)
        labelling.path(image)
        try:
            body = await receive(request, tab, next_part, "labels")
        except ClientDisconnect as error:
            raise HTTPException(400, "the labels were cut short.") from error
        return await asyncio.to_thread(labelling.save, image, body)


def reading_routes(labelling: Labelling, find: Callable[[str], Tab]) -> APIRouter:
    """Return the routes that read images and labels.

    Args:
        labelling: the labels.
        find: returns the tab of a name; raises HTTPException if there is none.
    """
    router = APIRouter(prefix="/tabs/{name}/label")

    @router.get("")
    def overview(name: str) -> Message:
        find(name)
        try:
            return labelling.overview()
        except FidipError as error:
            raise HTTPException(409, str(error)) from error

    @router.get("/{image}")
    async def people(name: str, image: int) -> Message:
        find(name)
        try:
            return await labelling.people(image)
        except DataError as error:
            raise HTTPException(422, str(error)) from error

    @router.get("/{image}/picture")
    def picture(name: str, image: int) -> Response:
        find(name)
        return _picture(labelling.path(image))

    return router


def _picture(path: Path) -> Response:
    """Answer with an image in a format that browsers show."""
    if path.suffix.lower() in BROWSER_IMAGES:
        return FileResponse(path)
    try:
        image = decode_rgb(read_bytes(path), path)
    except DataError as error:
        raise HTTPException(422, str(error)) from error
    return Response(encode_image(image, ".png"), media_type="image/png")


def _page(path: Path) -> Callable[[], FileResponse]:
    return lambda: FileResponse(path, headers=POLICY)
