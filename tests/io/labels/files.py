"""Small label files in the layouts of other programs."""

import json
import zipfile

import av
import cv2
import numpy as np

WH = (160, 120)
NYCU = [
    "Head", "Eye_L", "Eye_R", "Nose", "Upper_Lip", "Lower_Lip",
    "Shoulder_R", "Shoulder_L", "Elbow_R", "Elbow_L", "Wrist_R", "Wrist_L",
    "MP_joint_R", "MP_joint_L", "Hip_R", "Hip_L", "Knee_R", "Knee_L",
    "Ankle_R", "Ankle_L", "MTP_joint_R", "MTP_joint_L",
]  # fmt: skip
"""The 22 points of the NYCU infants, as LabelMe files name them."""
PARTS = {
    "xl/workbook.xml": '<workbook xmlns="M" xmlns:r="R"><sheets>{sheets}</sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="P">{relations}</Relationships>',
}


def write_photo(path, level=0, wh=WH):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((wh[1], wh[0], 3), level, np.uint8))
    return path


def write_clip(path, frames=6, wh=WH):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *wh, "yuv420p"
        for number in range(frames):
            image = np.full((wh[1], wh[0], 3), 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def shape(label, *points, group=None, kind="point", **flags):
    return {"label": label, "points": [list(p) for p in points], "group_id": group,
            "shape_type": kind, "flags": flags}  # fmt: skip


def write_labelme(path, shapes, image, wh=WH, data=None):
    content = {"version": "4.5.6", "flags": {}, "shapes": shapes, "imagePath": image,
               "imageData": data, "imageHeight": wh[1], "imageWidth": wh[0]}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def nycu_xy(number=0):
    """The place of each point in an image."""
    return {name: (20.0 + 5 * i + number, 30.0 + 3 * i) for i, name in enumerate(NYCU)}


def write_nycu(folder, numbers, names=NYCU):
    """A split of the NYCU infants: ann/NAME.json beside img/NAME.jpg."""
    for number in numbers:
        name = f"{number:03d}_00000125"
        write_photo(folder / "img" / f"{name}.jpg", number)
        places = nycu_xy(number)
        shapes = [shape(each, places[each]) for each in names]
        write_labelme(folder / "ann" / f"{name}.json", shapes, f"{name}.jpg")
    return folder


def write_xlsx(path, sheets, head="", shared=("image",)):
    """A workbook with numbers, inline texts, and shared strings for the texts in ``shared``."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    def cell(place, value):
        if isinstance(value, str) and value in shared:
            return f'<c r="{place}" t="s"><v>{shared.index(value)}</v></c>'
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
        return f'<c r="{place}"><v>{value}</v></c>'

    names = list(sheets)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        listing = "".join(f'<sheet name="{n}" r:id="r{i}"/>' for i, n in enumerate(names))
        relations = "".join(
            f'<Relationship Id="r{i}" Target="worksheets/s{i}.xml"/>' for i in range(len(names))
        )
        for part, text in PARTS.items():
            archive.writestr(part, text.format(sheets=listing, relations=relations))
        strings = "".join(f"<si><r><t>{each}</t></r></si>" for each in shared)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="M">{strings}</sst>')
        for index, name in enumerate(names):
            rows = "".join(
                f'<row r="{y}">'
                + "".join(cell(f"{letters[x]}{y}", v) for x, v in enumerate(row) if v is not None)
                + "</row>"
                for y, row in enumerate(sheets[name], start=1)
            )
            sheet = f'<worksheet xmlns="M"><sheetData>{rows}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/s{index}.xml", head + sheet)
    return path


def write_slp(path, video, frames, predicted=(), embed=False):
    """A file of SLEAP's with the points Nose, LEye, tail, by frame; None for a hidden point."""
    import sleap_io as sio

    skeleton = sio.Skeleton(["Nose", "LEye", "tail"])
    source = sio.Video(str(video))

    def instance(points):
        xy = np.array([(np.nan, np.nan) if p is None else p for p in points], float)
        return sio.Instance.from_numpy(xy, skeleton=skeleton)

    found = [
        sio.LabeledFrame(video=source, frame_idx=frame, instances=[instance(p) for p in people])
        for frame, people in frames.items()
    ]
    for frame in predicted:
        guess = sio.PredictedInstance.from_numpy(np.ones((3, 2)), skeleton=skeleton, score=0.5)
        found.append(sio.LabeledFrame(video=source, frame_idx=frame, instances=[guess]))
    labels = sio.Labels(found)
    labels.save(str(path), embed=embed, verbose=False)
    return labels
