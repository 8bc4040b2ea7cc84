"""Talking-face video of a speech file, with the demo weights.

python examples/generate.py [OUT.mp4]
"""

import pathlib
import sys

import seetalk_jax

SPEECH = pathlib.Path(__file__).with_name('speech.wav')  # synthetic speech of this repository


def main(out: str = 'talk.mp4') -> None:
  """Writes the video to `out`."""
  pipe = seetalk_jax.load('demo')
  clip = pipe(SPEECH, seed=0)  # the portrait and the motion are sampled here, the frames while saving
  clip.save(out)
  print(f'{out}: {clip.num_frames} frames of {clip.size[1]} x {clip.size[0]} pixels, {clip.seconds:.2f} s')


if __name__ == '__main__':
  main(*sys.argv[1:2])
