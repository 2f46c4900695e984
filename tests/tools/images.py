"""Draws the images of the example inventory: `python3 tests/tools/images.py` in the project's root.

A shape is a signed distance function of a point. Each pixel is the mean of sixteen samples, for smooth
edges. Writes PNG without third-party packages.
"""

import math
import pathlib
import struct
import zlib

FOLDER = pathlib.Path(__file__).parents[2] / "config/inventory/pictures"
SAMPLES = 4


def disc(x, y, radius):
    return lambda px, py: math.hypot(px - x, py - y) - radius


def ring(x, y, radius, width):
    return lambda px, py: abs(math.hypot(px - x, py - y) - radius) - width / 2


def line(x1, y1, x2, y2, width):
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy

    def outside(px, py):
        along = max(0, min(1, ((px - x1) * dx + (py - y1) * dy) / length))
        return math.hypot(px - x1 - along * dx, py - y1 - along * dy) - width / 2

    return outside


def png(width, height, background, shapes):
    """Encodes coloured shapes on a background as PNG; later shapes cover earlier ones."""

    def colour(x, y):
        for outside, paint in reversed(shapes):
            if outside(x, y) <= 0:
                return paint
        return background

    rows = bytearray()
    for row in range(height):
        rows.append(0)
        for column in range(width):
            points = [
                colour(column + (i + 0.5) / SAMPLES, row + (j + 0.5) / SAMPLES)
                for i in range(SAMPLES)
                for j in range(SAMPLES)
            ]
            rows.extend(sum(point[part] for point in points) // len(points) for part in range(3))

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(rows), 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


COPPER, BRIGHT, DARK = (184, 104, 62), (222, 150, 102), (58, 38, 30)
CREAM, GREEN, WHITE = (246, 238, 226), (24, 92, 74), (250, 250, 246)
STEEL, NIGHT = (206, 214, 208), (20, 30, 27)


def pan(x, y, size):
    """A pan from above, its handle to the right."""
    handle = line(x + size, y, x + size * 2.1, y - size * 0.25, size * 0.17)
    return [
        (handle, DARK),
        (disc(x, y, size), COPPER),
        (disc(x, y, size * 0.86), BRIGHT),
        (disc(x, y, size * 0.8), COPPER),
        (ring(x, y, size * 0.52, size * 0.03), BRIGHT),
        (ring(x, y, size * 0.26, size * 0.03), BRIGHT),
    ]


def bicycle(x, y, size, paint):
    """A cargo bicycle from the side: a long frame with its box in front."""
    back, front = x - size * 1.4, x + size * 1.4
    bar = size * 0.13
    return [
        (ring(back, y, size * 0.62, bar), paint),
        (ring(front, y, size * 0.5, bar), paint),
        (line(back, y, x - size * 0.6, y - size * 0.9, bar), paint),
        (line(back, y, x - size * 0.3, y, bar), paint),
        (line(x - size * 0.3, y, x - size * 0.75, y - size * 1.1, bar), paint),
        (line(x - size * 0.3, y, front, y, bar), paint),
        (line(x - size * 0.3, y, x + size * 0.1, y - size * 1.1, bar), paint),
        (line(x - size * 0.1, y - size * 1.15, x + size * 0.2, y - size * 1.15, bar), paint),
        (line(x + size * 0.35, y - size * 0.45, x + size * 1.0, y - size * 0.45, size * 0.6), BRIGHT),
    ]


IMAGES = {
    "kupferpfanne.png": (128, 128, CREAM, pan(50, 70, 38)),
    "pfanne.png": (640, 360, CREAM, pan(250, 200, 130)),
    "veloria.png": (192, 96, GREEN, bicycle(96, 62, 34, WHITE)),
    "lastenrad.png": (640, 320, STEEL, [
        (line(0, 290, 640, 290, 90), NIGHT),
        *bicycle(320, 196, 96, GREEN),
    ]),
}

FOLDER.mkdir(exist_ok=True)
for name, image in IMAGES.items():
    (FOLDER / name).write_bytes(png(*image))
