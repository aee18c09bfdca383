"""Reads what W&B wrote to disk: LevelDB's log format around protocol buffers."""

import time
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, FILE_HEADER, CHUNK_HEADER = 32768, 7, 7
WHOLE, LAST = 1, 4


def records(path: Path) -> list[Record]:
    """All complete records of an offline run; a record that crosses blocks comes in chunks."""
    content, at, whole, found = path.read_bytes(), FILE_HEADER, b"", []
    assert content[:4] in (b"", b":W&B")
    while at + CHUNK_HEADER <= len(content):
        if BLOCK - at % BLOCK < CHUNK_HEADER:  # no room for another chunk: zeros
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        start, at = at + CHUNK_HEADER, at + CHUNK_HEADER + length
        if at > len(content):  # still being written
            break
        whole += content[start:at]
        if kind in (WHOLE, LAST):
            found.append(Record.FromString(whole))
            whole = b""
    return found


def finished(path: Path, timeout_s: float = 60) -> list[Record]:
    """All records of a run that has ended: W&B's own process writes the last after ours went on."""
    end = time.monotonic() + timeout_s
    while True:
        found = records(path) if path.exists() else []
        if any(record.HasField("exit") for record in found):
            return found
        assert time.monotonic() < end, f"{path}: no end of the run within {timeout_s} s"
        time.sleep(0.1)


def logged(found: list[Record]) -> dict[str, list[str]]:
    """JSON of every value logged or summed up, by its name."""
    values: dict[str, list[str]] = {}
    for record in found:
        for item in (*record.history.item, *record.summary.update):
            name = item.key or ".".join(item.nested_key)
            values.setdefault(name, []).append(item.value_json)
    return values
