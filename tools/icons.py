"""Draw the add-on's icons into static/: a shield with three streams, in two sizes for light and dark backgrounds.

The icons are kept in the repository; run this again after a change of the drawing.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
SAMPLES = 6
"""Number of points of each pixel, in either direction, that are sampled to smooth the edges."""

BLUE = (11, 94, 141)
WHITE = (255, 255, 255)


def is_in_shield(x: float, y: float) -> bool:
    """Return whether a point of the unit square lies in the shield: straight above, rounded to a point below."""
    width = 0.40 if y < 0.5 else 0.40 * (1 - ((y - 0.5) / 0.44) ** 2)
    return 0.08 <= y <= 0.94 and abs(x - 0.5) <= width


def is_in_stream(x: float, y: float) -> bool:
    """Return whether a point lies in one of the three bars, each shorter than the one above it."""
    bars = ((0.26, 0.28), (0.44, 0.28), (0.62, 0.18))
    return any(top <= y <= top + 0.08 and abs(x - 0.5) <= half for top, half in bars)


def pixel(column: int, row: int, size: int, colour: tuple[int, int, int]) -> bytes:
    """Return one pixel as red, green, blue and opacity."""
    points = [
        ((column + (i + 0.5) / SAMPLES) / size, (row + (j + 0.5) / SAMPLES) / size)
        for i in range(SAMPLES)
        for j in range(SAMPLES)
    ]
    covered = sum(is_in_shield(x, y) and not is_in_stream(x, y) for x, y in points)
    return bytes([*colour, round(255 * covered / len(points))])


def png(size: int, colour: tuple[int, int, int]) -> bytes:
    """Return the icon as a PNG file."""
    rows = (b"\0" + b"".join(pixel(column, row, size, colour) for column in range(size)) for row in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(rows), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    """Write the icons."""
    STATIC.mkdir(exist_ok=True)
    for name, colour in (("appIcon", BLUE), ("appIconAlt", WHITE)):
        (STATIC / f"{name}.png").write_bytes(png(36, colour))
        (STATIC / f"{name}_2x.png").write_bytes(png(72, colour))


if __name__ == "__main__":
    main()
