"""Memory of the evaluation of long videos: what grows with the length is one array of landmarks and the sound."""

import subprocess
import sys

import pytest

# Peak memory in MB after 200 frames and after all of them. Frames are new arrays, as those of a decoder.
SCRIPT = """
import resource, sys
import green_faces
import numpy as np
from seetalk_jax.evaluation.measures import landmark_distance, mouth_regression
from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.evaluation.videos import track_values
from seetalk_jax.media import face

rng = np.random.default_rng(0)
points = green_faces.landmarks(0.2, 0.2, 0.6, 0.2)

def read(pixels):
  found = (points + 0.001 * rng.standard_normal(points.shape)).astype(np.float32)
  return face.FaceReading(found[None], np.zeros((1, 52), np.float32), np.eye(4, dtype=np.float32)[None])

def measure(count):
  frames = (np.full((224, 224, 3), i % 200, np.uint8) for i in range(count))
  track = landmarks.track_face(frames, read, 'frame')
  sound = (0.1 * np.sin(np.arange(640 * count, dtype=np.float32) / 7)).astype(np.float32)
  track_values.track_values(track, sound)
  landmark_distance.landmark_distances(track.points, track.points)
  mouth_regression.Moments.of(mouth_regression.SoundAndMouth(sound, track_values.filled_opening(track)))

for count in (200, int(sys.argv[1])):
  measure(count)
  print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
FRAMES = 4000
KEPT = 478 * 2 * 4 + 640 * 4  # bytes a frame: landmarks and sound


@pytest.mark.skipif(sys.platform != 'linux', reason='ru_maxrss has other units elsewhere')
def test_memory_grows_by_little_more_than_landmarks_and_sound(monkeypatch, tmp_path):
  import green_faces

  script = tmp_path / 'measure.py'
  script.write_text(SCRIPT)
  path = [str(tmp_path), *sys.path, str(green_faces.__file__).rpartition('/')[0]]
  monkeypatch.setenv('PYTHONPATH', ':'.join(path))
  done = subprocess.run(
    [sys.executable, str(script), str(FRAMES)], capture_output=True, text=True, check=True, timeout=300
  )
  short, long = (1024 * int(line) for line in done.stdout.split())
  assert long - short < 2.5 * KEPT * FRAMES
