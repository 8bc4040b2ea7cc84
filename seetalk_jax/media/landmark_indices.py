"""Landmark indices: groups of points in MediaPipe's face mesh of 478 points, and the box around the lips.

Left and right are those of the person; in the picture of a face, the person's left is on the right.
"""

from __future__ import annotations

NUM_LANDMARKS = 478
EYE_CORNERS = (33, 133, 362, 263)  # right eye outer and inner, left eye inner and outer
CHIN = 152
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)  # middle of the upper and the lower lip
FACE_ENDS = (10, CHIN)  # top of the forehead, lowest point of the chin

# Contours from the right corner of the mouth, over the upper lip, back over the lower lip.
OUTER_LIP_CONTOUR = (
  *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
  *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
INNER_LIP_CONTOUR = (
  *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
  *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
# Lid margins from the outer corner, over the upper lid, back over the lower lid.
RIGHT_EYE_CONTOUR = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE_CONTOUR = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
# The center first, then four points of the border.
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
# Upper edges from the nose outwards, then lower edges.
RIGHT_BROW = (107, 66, 105, 63, 70, 55, 65, 52, 53, 46)
LEFT_BROW = (336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
# Outline of the face from the top of the forehead to the person's left. It follows the visible outline when a real
# head turns.
FACE_OUTLINE = (
  *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
  *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# From the ear on the person's left to that on the right.
JAW_LINE = (
  *(454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
  *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234),
)

# Box around mouth and chin, relative to the side of the portrait crop: its side, and how far its center lies below
# that of the mouth.
LIP_BOX_SIDE = 0.34
LIP_BOX_BELOW = 0.035

# Points on the middle line. Of the others, those of the person's right come first, up to 247, and those of the left
# follow in the same order; the border of an iris is numbered against the clock in both eyes.
MIDDLE = (
  *(0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94),
  *(151, 152, 164, 168, 175, 195, 197, 199, 200),
)
_RIGHT = (*(index for index in range(248) if index not in MIDDLE), 468, 469, 470, 471, 472)
_LEFT = (*range(248, 468), 473, 476, 475, 474, 477)
_MIRRORED = (
  {index: index for index in MIDDLE}
  | dict(zip(_RIGHT, _LEFT, strict=True))
  | dict(zip(_LEFT, _RIGHT, strict=True))
)
# The landmarks of the mirrored face are `(1 - x, y)` of `[landmarks[i] for i in MIRROR]`.
MIRROR = tuple(_MIRRORED[index] for index in range(len(_MIRRORED)))
