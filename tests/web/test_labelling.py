"""The labelling page: in a real browser on a real server, and its requests without one."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.data.label_store import ChangedError, EditedPerson, LabelStore
from fidip.web.labelling import Labelling
from tests.web.test_server import serving, until

WH = (200, 120)
WAIT = 60_000
ROW = [[20.0 + 4 * joint, 30.0, 2] for joint in range(17)]
"""What the light server predicts in every image."""


def photos(folder, names=("a.png", "b.png")):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((WH[1], WH[0], 3), 90, np.uint8))
    return folder


def preannotated(folder):
    """A dataset of two predicted images, and fields of another program."""
    photos(folder / "images" / "frames")
    images = [
        {"id": n, "file_name": name, "width": WH[0], "height": WH[1], "license": 3}
        for n, name in ((4, "a.png"), (7, "b.png"))
    ]
    people = [
        {"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "bbox": [16, 26, 72, 8],
         "area": 576.0, "keypoints": np.ravel(ROW).tolist(), "is_predicted": True, "score": 0.5,
         "keypoint_scores": [0.5] * 17, "track": "x"}
        for n in (4, 7)
    ]  # fmt: skip
    file = folder / "annotations" / "person_keypoints_frames.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"info": "mine", "images": images, "annotations": people}))
    return file


def points_of(file, image=0):
    """(K, 3) of the people of an image, and the annotations."""
    content = json.loads(file.read_text())
    id_ = content["images"][image]["id"]
    people = [each for each in content["annotations"] if each["image_id"] == id_]
    return [np.reshape(each["keypoints"], (17, 3)) for each in people], people


@contextmanager
def shown(browser, port, size=(1400, 860)):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    page.goto(f"http://127.0.0.1:{port}/label")
    page.wait_for_selector("body[data-ready]", timeout=WAIT)
    yield page
    page.close()
    assert problems == []


def is_saved(page):
    page.wait_for_selector("#saved:text-is('Saved')", timeout=WAIT)


def at(page, joint, person=0):
    """Screen position of a point."""
    box = page.locator(f"circle[data-joint='{joint}'][data-person='{person}']").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, by):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2)
    page.mouse.move(start[0] + by[0], start[1] + by[1])
    page.mouse.up()


@pytest.mark.slow
def test_points_are_dragged_marked_swapped_undone_and_saved(browser, tmp_path):
    file = preannotated(tmp_path / "set")
    with serving(tmp_path, label=tmp_path / "set") as server, shown(browser, server.port) as page:
        scale = page.evaluate("view.scale")
        wrist, elbow, knee = (COCO17.joints.index(f"left_{j}") for j in ("wrist", "elbow", "knee"))
        expected = np.array(ROW)

        drag(page, at(page, wrist), (12 * scale, 21 * scale))
        expected[wrist, :2] += [12, 21]
        page.keyboard.press("o")
        expected[wrist, 2] = 1
        page.keyboard.press("ArrowLeft")
        expected[wrist, 0] -= 1
        page.click(f"#joints tbody tr:nth-child({elbow + 1}) input[value='0']")
        expected[elbow] = 0
        is_saved(page)
        ((found,), (person,)) = points_of(file)
        np.testing.assert_allclose(found, expected, atol=0.05)
        assert person["is_predicted"]  # it is saved, but no label yet

        page.keyboard.press("s")
        page.keyboard.press("s")
        page.keyboard.press("s")
        page.keyboard.press("z")
        page.keyboard.press("z")
        page.keyboard.press("Shift+Z")
        page.keyboard.press("Control+z")  # swapped once
        page.wait_for_timeout(400)
        is_saved(page)
        np.testing.assert_allclose(points_of(file)[0][0], expected[COCO17.flip_order], atol=0.05)

        before = page.evaluate("view.x")
        drag(page, (500, 700), (40, 0))  # pans
        page.mouse.move(*at(page, knee))
        page.mouse.wheel(0, -400)
        until(lambda: page.evaluate("view.scale") > 2 * scale)
        assert page.evaluate("view.x") != before
        scale = page.evaluate("view.scale")
        drag(page, at(page, knee), (0, 6 * scale))  # with another scale
        expected = expected[COCO17.flip_order]
        expected[knee, 1] += 6
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-shown='b.png']", timeout=WAIT)
        ((found,), (person,)) = points_of(file)
        np.testing.assert_allclose(found, expected, atol=0.05)
        assert "is_predicted" not in person
        assert "score" not in person

        page.keyboard.press("a")
        page.wait_for_selector("body[data-shown='a.png']", timeout=WAIT)
        page.reload()
        page.wait_for_selector("body[data-shown='b.png']", timeout=WAIT)  # the first to do
        assert page.locator("#count").inner_text() == "2 of 2, 1 done"
        page.keyboard.press("a")
        page.wait_for_selector("body[data-shown='a.png']", timeout=WAIT)
        assert page.evaluate("people[0].keypoints") == points_of(file)[0][0].tolist()
        assert page.locator("#done").is_checked()
    content = json.loads(file.read_text())
    assert content["info"] == "mine"
    assert [image["license"] for image in content["images"]] == [3, 3]
    assert person["track"] == "x"
    (labelled,) = read_annotations(file, tmp_path / "set" / "images" / "frames").people
    np.testing.assert_allclose(labelled.keypoints, expected, atol=0.05)


@pytest.mark.slow
def test_bare_images_start_from_the_prediction_and_have_several_people_or_none(browser, tmp_path):
    folder = photos(tmp_path / "photos", ("a.png", "b.png", "c.tiff"))
    file = folder / "labels.json"
    with serving(tmp_path, label=folder) as server, shown(browser, server.port) as page:
        page.wait_for_selector("circle", timeout=WAIT)
        assert page.locator("circle.unsure").count() > 0
        assert not file.exists()  # a prediction that was only seen is not saved
        page.keyboard.press("n")
        page.keyboard.press("x")
        page.mouse.click(*at(page, 16, 1))  # a click on a point does not place the absent one
        page.keyboard.press("Tab")
        page.mouse.click(500, 700)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-shown='b.png']", timeout=WAIT)
        first, second = points_of(file)[0]
        np.testing.assert_allclose(first, ROW)
        assert second[0].tolist()[2] == 2
        page.click("#remove")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-shown='c.tiff']", timeout=WAIT)
        assert page.evaluate("document.getElementById('picture').naturalWidth") == WH[0]
    content = json.loads(file.read_text())
    assert [image["file_name"] for image in content["images"]] == ["a.png", "b.png"]
    assert content["images"][1]["is_labelled"]
    assert [state for *_, state in LabelStore(folder).images()] == ["done", "done", "todo"]


@pytest.mark.slow
def test_a_change_elsewhere_is_a_line_and_overwrites_nothing(browser, tmp_path):
    file = preannotated(tmp_path / "set")
    with serving(tmp_path, label=file) as server:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/label")
        page.wait_for_selector("circle", timeout=WAIT)
        file.write_text(file.read_text() + "\n")
        before = file.read_text()
        page.keyboard.press("s")
        page.wait_for_selector("#error:not([hidden])", timeout=WAIT)
        assert "was changed by another page or program" in page.locator("#error").inner_text()
        assert file.read_text() == before
        page.on("dialog", lambda dialog: dialog.accept())
        page.close()


@pytest.fixture(scope="module")
def labelling(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelling")
    file = preannotated(folder / "set")
    with serving(folder, label=folder / "set") as server:
        yield server, file


def body(**more):
    people = [{"id": 7, "is_predicted": False, "keypoints": ROW}]
    return {"version": 0, "is_done": True, "people": people, **more}


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"", 422, "Invalid JSON"),
        (b"[" * 10_000, 422, "JSON"),
        (b"x" * 1_000_001, 413, "labels: too large; expected at most 1000000 bytes"),
        (body(version=1), 409, "was changed by another page"),
        (body(more=1), 422, "more: Extra inputs"),
        (body(people=[{"id": 7, "is_predicted": False, "keypoints": ROW[:3]}]), 422, "keypoints"),
        (body(people=[{"id": 7, "is_predicted": False, "keypoints": [[1, 1, 3]] * 17}]), 422,
         "less than or equal to 2"),
        (body(people=[{"id": 7, "is_predicted": False, "keypoints": [[1e9, 1, 2]] * 17}]), 422,
         "less than or equal to 1000000"),
        (b'{"version": 0, "is_done": true, "people": [{"id": 7, "is_predicted": true, '
         b'"keypoints": [[NaN, 1, 2]]}]}', 422, ""),
        (body(people=[{"id": n, "is_predicted": False, "keypoints": ROW} for n in range(101)]), 422,
         "at most 100 items"),
    ],
)  # fmt: skip
def test_bad_labels_are_refused_in_one_line(labelling, sent, status, words):
    server, file = labelling
    before = file.read_bytes()
    with server.tab() as (tab, _):
        data = sent if isinstance(sent, bytes) else json.dumps(sent)
        answered, _, content = server.ask("PUT", f"/tabs/{tab}/label/7", data)
        assert answered == status
        assert words in json.loads(content)["detail"]
    assert file.read_bytes() == before


@pytest.mark.parametrize("path", ["", "/4", "/4/picture"])
def test_only_an_open_page_reaches_the_images(labelling, path):
    server, _ = labelling
    assert server.ask("GET", f"/tabs/guessed/label{path}")[0] == 404
    with server.tab() as (tab, _):
        assert server.ask("GET", f"/tabs/{tab}/label{path}")[0] == 200
        assert server.ask("GET", f"/tabs/{tab}/label/99")[0] == 404
        assert server.ask("GET", f"/tabs/{tab}/label/x")[0] in (404, 422)
    assert server.ask("GET", "/label", headers={"Host": "elsewhere.example"})[0] == 400
    policy = server.ask("GET", "/label")[1]["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'" in policy


def test_boxes_follow_points_and_labelled_boxes_stay(tmp_path):
    file = preannotated(tmp_path / "set")
    store = LabelStore(tmp_path / "set")
    keypoints = np.array(ROW)
    keypoints[0, :2] = [300, 60]  # outside: moved to the edge
    people = [EditedPerson(4, keypoints, False), EditedPerson(None, np.array(ROW), False)]
    ids = store.save(4, people, True, 0)
    assert ids == [4, 8]
    (found, _), (person, other) = points_of(file)
    assert found[0].tolist() == [199.5, 60, 2]
    box = person["bbox"]
    assert box == [pytest.approx(2.062, abs=1e-3), 26, pytest.approx(219.375, abs=1e-3), 38]
    moved = np.array(found)
    moved[5, 0] += 1
    store.save(4, [EditedPerson(4, moved, False)], True, 1)
    (_,), (person,) = points_of(file)
    assert person["bbox"] == box
    assert other["num_keypoints"] == 17
    with pytest.raises(ChangedError, match="Load the page again"):
        store.save(4, [], True, 1)
    os.utime(file, (1, 1))
    with pytest.raises(ChangedError, match="another page or program"):
        store.save(4, [], True, 2)
    store.refresh()
    assert store.save(4, [], True, store.version(4)) == []
    assert [state for *_, state in store.images()] == ["done", "todo"]


def test_people_saved_by_another_page_during_the_prediction_are_shown_with_their_version(tmp_path):
    store = LabelStore(photos(tmp_path))
    elsewhere = np.add(ROW, [5, 5, 0])

    def predict(path):
        store.save(1, [EditedPerson(None, elsewhere, False)], is_done=True, version=0)
        return [EditedPerson(None, np.array(ROW), True)]

    with ThreadPoolExecutor() as threads:  # the browser's tests leave an event loop in this one
        answer = threads.submit(asyncio.run, Labelling(store, predict).people(1)).result()
    assert answer["version"] == 1
    assert [person["keypoints"] for person in answer["people"]] == [elsewhere.tolist()]


def test_a_save_answers_with_its_own_version(tmp_path, monkeypatch):
    """Another page that saves right afterwards must not lend its version to this one."""
    store = LabelStore(photos(tmp_path))
    labelling = Labelling(store, lambda path: [])
    save = store.save

    def save_twice(image_id, people, is_done, version):
        ids = save(image_id, people, is_done, version)
        save(image_id, [], is_done, version + 1)
        return ids

    monkeypatch.setattr(store, "save", save_twice)
    sent = {"version": 0, "is_done": True, "people": []}
    assert labelling.save(1, json.dumps(sent).encode())["version"] == 1


def test_images_are_in_the_order_of_their_numbers(tmp_path):
    photos(tmp_path, [f"{name}.png" for name in ("test10", "test2", "b/a100", "test1", "b/a20")])
    store = LabelStore(tmp_path)
    names = [f"{name}.png" for name in ("b/a20", "b/a100", "test1", "test2", "test10")]
    assert [name for _, name, _ in store.images()] == names
    last = store.images()[-1][0]
    store.save(last, [EditedPerson(None, np.array(ROW), False)], is_done=True, version=0)
    assert [name for _, name, _ in LabelStore(tmp_path).images()] == names


def test_images_that_cannot_be_read_are_named(tmp_path, caplog):
    photos(tmp_path)
    for name in ("x/IMG_1.HEIC", "y.dng", ".hidden.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    store = LabelStore(tmp_path)
    store.refresh()
    assert [name for _, name, _ in store.images()] == ["a.png", "b.png"]
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}: 2 images cannot be read (the first: x/IMG_1.HEIC). Conver")


def test_a_file_that_was_damaged_for_a_moment_is_read_again(tmp_path):
    file = preannotated(tmp_path / "set")
    store = LabelStore(file)
    content, before = file.read_text(), store.images()
    file.write_text(content[:-10])
    for _ in range(2):  # not only for the first page that asks
        with pytest.raises(DataError, match="not valid JSON"):
            store.refresh()
    assert store.images() == before
    with pytest.raises(ChangedError):
        store.save(4, [], True, 0)
    file.write_text(content)
    os.utime(file, (1, 1))
    store.refresh()
    assert store.images() == before
    assert store.save(4, [], True, store.version(4)) == []


def test_records_of_other_categories_stay_as_they_are(tmp_path):
    file = preannotated(tmp_path / "set")
    others = [{"image_id": 4, "category_id": 3}, {"id": 4, "image_id": 4, "category_id": 2}]
    content = json.loads(file.read_text())
    content["annotations"] += others
    file.write_text(json.dumps(content))
    store = LabelStore(file)
    people = [EditedPerson(id_, np.array(ROW), False) for id_ in (4, None)]
    assert store.save(4, people, True, 0) == [4, 8]
    (known, *kept), added = json.loads(file.read_text())["annotations"][:3], store.people(4)[1]
    assert (known["id"], kept) == (7, others)
    assert [person.id for person in added] == [4, 8]


def test_frames_to_label_are_those_of_the_file(tmp_path):
    """The folder of ``fidip frames`` also has a contact sheet."""
    file = preannotated(tmp_path / "set").rename(tmp_path / "pre_annotations.json")
    file.write_text(
        file.read_text().replace('"a.png"', '"images/a.png"').replace("b.", "images/b.")
    )
    photos(tmp_path, ("images/a.png", "images/b.png", "contact_sheet.jpg"))
    store = LabelStore(tmp_path)
    assert store.file == file
    assert [name for _, name, _ in store.images()] == ["images/a.png", "images/b.png"]
    assert store.path(4) == tmp_path / "images" / "a.png"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder.mkdir(), "0 of 0 images are missing"),
        (lambda folder: preannotated(folder).with_name("person_keypoints_b.json").write_text("{}"),
         "has 2 annotation files, such as person_keypoints_b.json"),
        (lambda folder: preannotated(folder).write_text("{}"), "has no list 'images'"),
        (lambda folder: (preannotated(folder), (folder / "images" / "frames" / "a.png").unlink()),
         "image files are missing"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_labelled_is_one_line(make, words, tmp_path):
    make(tmp_path / "set")
    with pytest.raises(DataError, match=words) as error:
        LabelStore(tmp_path / "set")
    assert str(error.value).count("\n") == 0
