"""Reading of the cells of XLSX workbooks of unknown origin."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from fidip.core.errors import DataError, reason
from fidip.io.json import read_bytes

MOST_BYTES = 1 << 28
"""Limit of the size of an unpacked part of a workbook."""
MOST_COLUMNS = 1 << 14
"""Largest number of columns that a sheet may have."""
AGAIN = "save it again as XLSX, or as CSV"
CELL = re.compile(r"([A-Z]{1,3})\d*")


def read_workbook(path: Path) -> dict[str, list[list[str]]]:
    """Return the rows of each sheet, without empty rows, by the name of the sheet.

    Args:
        path: the XLSX file.

    Returns:
        Cells as texts; numbers as they are stored, empty cells as "".

    Raises:
        DataError: the file is not a workbook, damaged or too large.
    """
    if read_bytes(path)[:4] != b"PK\x03\x04":
        raise DataError(f"{path}: not an XLSX workbook; {AGAIN}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _sheets(path, archive)
    except (
        *(zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError, RuntimeError),
        *(KeyError, ValueError, IndexError, NotImplementedError, OverflowError, UnicodeError),
    ) as error:
        why = reason(error, 100)
        raise DataError(f"{path}: is a damaged workbook ({why}); {AGAIN}") from error


def _sheets(path: Path, archive: zipfile.ZipFile) -> dict[str, list[list[str]]]:
    shared = []
    if "xl/sharedStrings.xml" in archive.namelist():
        shared = [_text(item) for item in _parse(path, archive, "xl/sharedStrings.xml").iter("si")]
    relations = {
        each.attrib["Id"]: each.attrib["Target"]
        for each in _parse(path, archive, "xl/_rels/workbook.xml.rels").iter("Relationship")
    }
    sheets = {}
    for sheet in _parse(path, archive, "xl/workbook.xml").iter("sheet"):
        target = relations[sheet.attrib["id"]]
        part = target[1:] if target.startswith("/") else str(PurePosixPath("xl") / target)
        rows = [_cells(row, shared) for row in _parse(path, archive, part).iter("row")]
        sheets[sheet.attrib["name"]] = [row for row in rows if any(row)]
    return sheets


def _cells(row: Element, shared: list[str]) -> list[str]:
    """Return the cells of a row; a workbook leaves out empty ones."""
    cells: list[str] = []
    for cell in row.iter("c"):
        found = CELL.fullmatch(cell.attrib.get("r", ""))
        column = _column(found[1]) if found else len(cells)
        if not len(cells) <= column < MOST_COLUMNS:
            raise ValueError(f"cell {cell.attrib.get('r')!a:.20} is out of order")
        cells += [""] * (column - len(cells))
        value, kind = cell.findtext("v") or "", cell.attrib.get("t")
        if kind == "s":
            value = shared[int(value)]
        elif kind == "inlineStr":
            value = _text(cell)
        cells.append(value.strip())
    return cells


def _column(letters: str) -> int:
    """Return the number of a column, from 0 for A."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _text(element: Element) -> str:
    """Return the text of a cell, which may be in several runs, without its phonetic hints."""
    hints = {id(text) for hint in element.iter("rPh") for text in hint.iter("t")}
    return "".join(each.text or "" for each in element.iter("t") if id(each) not in hints)


def _parse(path: Path, archive: zipfile.ZipFile, name: str) -> Element:
    """Parse a part of a workbook, without namespaces; entities are refused.

    The standard parser expands entities, so that a small file can fill the memory.
    """
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise DataError(f"{path}: {name} is larger than {MOST_BYTES >> 20} MiB; {AGAIN}")
    with archive.open(name) as file:
        data = file.read(MOST_BYTES + 1)
    builder, parser = TreeBuilder(), expat.ParserCreate(namespace_separator="}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        builder.start(tag.rpartition("}")[2], plain)

    def refuse(*_: object) -> None:
        raise DataError(f"{path}: {name} declares a document type; expected a workbook; {AGAIN}")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: builder.end(tag.rpartition("}")[2])
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)
    return builder.close()
