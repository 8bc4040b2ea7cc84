"""Live motion: motion latents of a live session, chunk by chunk, from the last seconds of its speech and motion."""

from __future__ import annotations

import jax
import numpy as np

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.errors import CheckpointError
from seetalk_jax.inference.controls import ResolvedControls
from seetalk_jax.inference.live_audio import Taken
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import SPEECH_NETWORKS, MotionSampler
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.models.speech import live_speech
from seetalk_jax.sampling import motion as motion_sampling

# Frames of the past that the motion transformer reads. It was trained with true pasts of up to a window, and takes over
# the spread of the motion that it is given: the more of its own past it reads, the calmer the motion becomes. Place,
# speed and acceleration of the motion are in three frames. docs/live.md has the figures.
GIVEN_FRAMES = 3


class LiveMotion:
  """Motion of speech that goes on; memory and compiled programs do not depend on how long it does.

  Args:
    release, sampler: the networks.
    m_0: motion latent of the portrait, `[1, motion_dim]`.
    seed: of the noise.
    options: sampling options.
    controls: controls of a window of the motion transformer (`window_of`); they may be replaced between chunks.
    chunk: most frames of a chunk.
    lookahead: frames of speech after a chunk that its motion depends on.

  Raises:
    CheckpointError: see `check`.
  """

  def __init__(
    self,
    release: LoadedRelease,
    sampler: MotionSampler,
    m_0: jax.Array,
    seed: int,
    options: SamplingOptions,
    controls: ResolvedControls,
    *,
    chunk: int,
    lookahead: int,
  ):
    check(release)
    self._release, self._sampler, self._m_0 = release, sampler, m_0
    self._seed, self._options, self.controls = seed, options, controls
    self._chunk, self._lookahead = chunk, lookahead
    self._window = window_of(release)
    self._encoder = release.networks.modules['speech_encoder']
    self.restart()

  def restart(self) -> None:
    """Forgets speech and motion: the next chunk is the first one."""
    self._frame = 0  # number of the next frame
    self._speech = np.zeros(0, np.float32)
    self._past = np.zeros((0, self._sampler.motion_dim), np.float32)  # as sampled, without refined lips
    self._expected: np.ndarray | None = None  # of the look-ahead
    self._statistics = live_speech.LiveStatistics.empty(self._encoder.num_bands)

  def next(self, audio: Taken) -> np.ndarray:
    """Motion latents of the next frames, float32 `[n, motion_dim]`, n of 1 to `chunk`.

    Args:
      audio: speech of the frames and of the look-ahead.
    """
    count = len(audio.spoken) // SAMPLES_PER_FRAME
    most = self._window - self._lookahead - count  # given frames
    past = self._past[max(0, len(self._past) - most) :]
    speech = np.concatenate([self._speech, audio.spoken, audio.ahead])
    num_tokens = self._window + live_speech.CONTEXT
    speech = speech[-num_tokens * SAMPLES_PER_FRAME :]
    end = len(speech) // SAMPLES_PER_FRAME
    stop = end - self._lookahead
    tokens, self._statistics = live_speech.encode_next(
      self._encoder,
      self._release.params['speech_encoder'],
      np.pad(speech, (0, num_tokens * SAMPLES_PER_FRAME - len(speech))),
      stop - count,
      stop,
      end,
      self._statistics,
    )
    n = len(past) + count + self._lookahead
    found = self._sampler.sample_next(
      tokens[:, end - n :],
      past[None],
      self._m_0,
      self._seed,
      self._options,
      self.controls.of_frames(slice(n)),
      chunk=self._chunk,
      lookahead=self._lookahead,
      first_frame=self._frame - len(past),
      num_given=GIVEN_FRAMES,
      expected=self._expected,
    )
    self._frame += count
    self._past = np.array(found.track[0, : len(past) + count])
    self._expected = np.array(found.track[:, len(past) + count :])
    self._speech = np.array(speech[: stop * SAMPLES_PER_FRAME])
    return found.motion[0]

  def take_back(self, count: int) -> int:
    """Forgets the last frames, at most those that are known; the next chunk follows the frame before them.

    Returns:
      The number of forgotten frames.
    """
    count = min(count, len(self._past))
    if count and self._expected is not None:
      # The next chunk begins with the motion that is taken back, and goes over from it.
      taken = self._past[len(self._past) - count :]
      self._expected = np.concatenate([taken[None], self._expected], axis=1)
      self._expected = self._expected[:, : self._lookahead]
    self._frame -= count
    self._past = self._past[: len(self._past) - count]
    self._speech = self._speech[: len(self._speech) - count * SAMPLES_PER_FRAME]
    return count


def window_of(release: LoadedRelease) -> int:
  """Frames of a window of the release's motion transformer."""
  return motion_sampling.trained_window(release.networks.statistics)


def check(release: LoadedRelease) -> None:
  """Checks that a release has the networks of a live session.

  Raises:
    CheckpointError: it lacks one, or its motion transformer takes no past.
  """
  release.need(*SPEECH_NETWORKS)
  if not release.networks.modules['motion_transformer'].with_past:
    raise CheckpointError(
      f'the motion transformer takes no past frames, {release.index}: a live session needs one that was trained with '
      'options.past_rate'
    )
