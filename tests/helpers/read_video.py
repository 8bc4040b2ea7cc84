"""Video reader of the tests: all frames of a short video."""

from seetalk_jax.media import decode


def read_video(path):
  """`[(seconds from the start, uint8 [h, w, 3] RGB), ...]`."""
  with decode.open_container(path) as container:
    start = (container.start_time or 0) / 1e6
    return [
      (float(frame.time or 0.0) - start, frame.to_ndarray(format='rgb24'))
      for frame in container.decode(video=0)
    ]
