"""Example speech file of the repository: `python -m seetalk_jax.synthetic.example_speech OUT.wav` writes it."""

from __future__ import annotations

import sys

import numpy as np
import soundfile

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.synthetic.speakers import sample_speaker
from seetalk_jax.synthetic.voice import speak, voice_of

TEXT = 'Hello. You cannot see me yet. Listen to my voice, and make me a face.'
SPEAKER_ID = 2_000_002  # of the test split
SEED = 1


def main(arguments: list[str] | None = None) -> int:
  """Synthesizes TEXT with the voice of test speaker SPEAKER_ID to the 16-bit file named on the command line."""
  paths = sys.argv[1:] if arguments is None else arguments
  if len(paths) != 1:
    print('usage: python -m seetalk_jax.synthetic.example_speech OUT.wav', file=sys.stderr)
    return 2
  voice = voice_of(sample_speaker(SPEAKER_ID), seed=SEED, language='en-us')
  utterance = speak(TEXT, voice, seed=SEED)
  waveform = 0.7 * utterance.waveform / np.abs(utterance.waveform).max()
  soundfile.write(paths[0], waveform, SAMPLE_RATE_HZ, subtype='PCM_16')
  print(f'{paths[0]}: {len(waveform) / SAMPLE_RATE_HZ:.2f} s, {sample_speaker(SPEAKER_ID)}')
  return 0


if __name__ == '__main__':
  sys.exit(main())
