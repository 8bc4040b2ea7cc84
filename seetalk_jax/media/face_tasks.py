"""MediaPipe tasks of the landmarker model: face landmarks and face detection, without log output."""

from __future__ import annotations

import contextlib
import os
import sys
import zipfile
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.errors import InputError

NUM_LANDMARKS = 478
_MAX_FACES = 4
_DETECTOR = 'face_detector.tflite'  # the detector in the landmarker model, a zip file


class FaceReading(NamedTuple):
  """Landmarker measurements of the `n` faces in an image.

  Attributes:
    landmarks: float32 `[n, 478, 2]`, x and y relative to the image width and height.
    blendshapes: float32 `[n, 52]`, scores 0 to 1 in the order of `blendshapes.NAMES`; tongueOut, which MediaPipe
      does not score, is 0. `[0, 52]` if not measured.
    transforms: float32 `[n, 4, 4]`, from the canonical face (x to the right of the image, y up, z to the
      camera, in centimeters) to camera space; `[0, 4, 4]` if not measured.
    depths: float32 `[n, 478]`, depth of each landmark relative to the image width; smaller is closer to the camera.
      None from a reader that measures none.
  """

  landmarks: np.ndarray
  blendshapes: np.ndarray
  transforms: np.ndarray
  depths: np.ndarray | None = None


@contextlib.contextmanager
def open_reader(path: str, *, measure: bool):
  """Context manager that yields the Face Landmarker: image -> `FaceReading`.

  Args:
    path: the `face_landmarker.task` file.
    measure: whether to measure blendshapes and transforms.

  Raises:
    InputError: not a landmarker model.
  """
  import mediapipe

  vision = mediapipe.tasks.vision
  try:
    with _silence():
      options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=path),
        num_faces=_MAX_FACES,
        output_face_blendshapes=measure,
        output_facial_transformation_matrixes=measure,
      )
      task = vision.FaceLandmarker.create_from_options(options)
      # MediaPipe's threads start, and log, with the first image.
      task.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8)))
  except (RuntimeError, ValueError) as error:
    raise InputError(f'not a landmarker model ({error}), {path}: give face_landmarker.task') from None

  def read(pixels: np.ndarray) -> FaceReading:
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
    with _silence():
      found = task.detect(picture)
    count = len(found.face_landmarks)
    points = [[(point.x, point.y, point.z) for point in face] for face in found.face_landmarks]
    places = np.asarray(points, np.float32).reshape(count, NUM_LANDMARKS, 3)
    scores = [_in_order(face) for face in found.face_blendshapes] if measure else []
    poses = found.facial_transformation_matrixes if measure else []
    return FaceReading(
      np.ascontiguousarray(places[..., :2]),
      np.asarray(scores, np.float32).reshape(-1, blendshapes.NUM_BLENDSHAPES),
      np.asarray(poses, np.float32).reshape(-1, 4, 4),
      np.ascontiguousarray(places[..., 2]),
    )

  try:
    yield read
  finally:
    with _silence():
      task.close()


def _in_order(categories) -> list[float]:
  """Scores of one face in the order of `blendshapes.NAMES`; 0 for what is not scored."""
  scores = {category.category_name: category.score for category in categories}
  return [scores.get(name, 0.0) for name in blendshapes.NAMES]


@contextlib.contextmanager
def open_detector(path: str):
  """Context manager that yields the face detector of a landmarker model: image -> confidence, 0 to 1.

  Args:
    path: the `face_landmarker.task` file.

  Raises:
    InputError: not a landmarker model.
  """
  import mediapipe

  vision = mediapipe.tasks.vision
  try:
    with _silence(), zipfile.ZipFile(path) as model:
      options = vision.FaceDetectorOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_buffer=model.read(_DETECTOR)),
        min_detection_confidence=0.0,
      )
      task = vision.FaceDetector.create_from_options(options)
  except (zipfile.BadZipFile, KeyError, RuntimeError, ValueError) as error:
    raise InputError(f'not a landmarker model ({error}), {path}: give face_landmarker.task') from None

  def confidence(pixels: np.ndarray) -> float:
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
    with _silence():
      found = task.detect(picture).detections
    return max((face.categories[0].score for face in found), default=0.0)

  try:
    yield confidence
  finally:
    with _silence():
      task.close()


@contextlib.contextmanager
def _silence():
  """Suppresses the log output of MediaPipe's C++ code on stderr, where a user error must be the only line."""
  sys.stderr.flush()
  kept = os.dup(2)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, 2)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(nowhere)
    os.close(kept)
