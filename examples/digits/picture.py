"""Draws what the tasks show: sheets of digits and a confusion matrix."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL, MARGIN, HEAD = 52, 64, 56
PAPER, INK, FAINT = (255, 255, 255), (30, 34, 42), (110, 118, 130)
LIGHT, DARK = np.array((236, 242, 251)), np.array((18, 75, 148))


def digit_sheet(images: np.ndarray, columns: int) -> Image.Image:
    """The digits side by side in rows, four times as large, dark on light."""
    rows = max(1, -(-len(images) // columns))
    sheet = np.zeros((rows * 10, columns * 10))
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        sheet[row * 10 + 1:row * 10 + 9, column * 10 + 1:column * 10 + 9] = image
    grey = (255 - sheet * 255 / 16).astype(np.uint8)
    return Image.fromarray(grey).resize((columns * 40, rows * 40), Image.Resampling.NEAREST)


def confusion(matrix: np.ndarray, title: str) -> Image.Image:
    """True digits downwards, predicted ones across; the deeper the blue, the larger the share of its row."""
    size = len(matrix)
    picture = Image.new("RGB", (MARGIN + size * CELL + 16, HEAD + size * CELL + MARGIN), PAPER)
    draw = ImageDraw.Draw(picture)
    text, small = ImageFont.load_default(18), ImageFont.load_default(15)
    draw.text((MARGIN, HEAD / 2), title, INK, text, anchor="lm")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row in range(size):
        middle = HEAD + row * CELL + CELL / 2
        draw.text((MARGIN - 14, middle), str(row), INK, text, anchor="mm")
        draw.text((MARGIN + row * CELL + CELL / 2, HEAD + size * CELL + 14), str(row), INK, text, anchor="mm")
        for column in range(size):
            left, top = MARGIN + column * CELL, HEAD + row * CELL
            # The square root keeps the few mistakes visible beside the many hits.
            depth = shares[row, column] ** 0.5
            fill = tuple((LIGHT + (DARK - LIGHT) * depth).astype(int))
            draw.rectangle((left + 1, top + 1, left + CELL - 2, top + CELL - 2), fill)
            if matrix[row, column]:
                draw.text((left + CELL / 2, middle), str(matrix[row, column]), PAPER if depth > 0.5 else INK, small, anchor="mm")
    draw.text((MARGIN + size * CELL / 2, HEAD + size * CELL + 40), "predicted", FAINT, small, anchor="mm")
    side = Image.new("RGB", (60, 20), PAPER)
    ImageDraw.Draw(side).text((30, 10), "true", FAINT, small, anchor="mm")
    picture.paste(side.rotate(90, expand=True), (8, HEAD + size * CELL // 2 - 30))
    return picture
