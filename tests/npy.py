"""Logits as `hearth logits` writes them, read without NumPy."""

import pathlib
import struct


def read_npy(path: pathlib.Path) -> list[list[float]]:
    """A float32 .npy file of two dimensions."""
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY"
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    rows, columns = eval(header.split("'shape': ")[1].split("), ")[0] + ")")  # noqa: S307
    values = struct.unpack(f"<{rows * columns}f", data[10 + length:])
    return [list(values[r * columns:(r + 1) * columns]) for r in range(rows)]
