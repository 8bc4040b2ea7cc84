"""Form fields of jobs and sessions, with the names and the ranges of `seetalk generate`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Form
from pydantic import BaseModel, Field

from seetalk_jax.cli import options
from seetalk_jax.constants import CONTROLS, EMOTIONS, FPS, LEAST_LOOKAHEAD
from seetalk_jax.inference.live_audio import LOOKAHEAD_SECONDS, MAX_WAITING_SECONDS
from seetalk_jax.serving.settings import DEFAULT_CHUNK_SECONDS

_NUMBER = r'\d{1,3}(\.\d{1,6})?'
_EMOTION = rf'^({"|".join(EMOTIONS)})(={_NUMBER})?$'
_SCALE = rf'^({"|".join(CONTROLS)})={_NUMBER}$'
_LONGEST_CHUNK_SECONDS = 10.0  # the checkpoint may accept less

Seed = Annotated[
  int,
  Form(ge=0, le=options.MAX_SEED, description='The same seed and speech give the same video.'),
]
Steps = Annotated[
  int | None,
  Form(ge=1, le=options.MAX_STEPS, description='Sampling steps; those of the checkpoint if left out.'),
]
Guidance = Annotated[
  float | None,
  Form(
    ge=0,
    le=options.MAX_GUIDANCE,
    allow_inf_nan=False,
    description='How strongly the face follows the voice; 1 is unguided. That of the checkpoint if left out.',
  ),
]
Size = Annotated[
  int | None,
  Form(
    ge=options.MIN_SIZE,
    le=options.MAX_SIZE,
    multiple_of=2,
    description='Side of the frames in pixels, even; that of the checkpoint if left out.',
  ),
]
Aligned = Annotated[
  bool, Form(description='The portrait is a square portrait crop already: no face is searched in it.')
]
Emotion = Annotated[
  str | None,
  Form(
    pattern=_EMOTION,
    description='NAME or NAME=INTENSITY, 0 to 1, if the checkpoint was trained with emotions.',
  ),
]
ControlScale = Annotated[
  list[Annotated[str, Field(pattern=_SCALE)]] | None,
  Form(description='NAME=SCALE, 0 to 20: how strongly a control is followed; may be given several times.'),
]


def sampling_form(
  seed: Seed = options.DEFAULT_SEED,
  steps: Steps = None,
  guidance: Guidance = None,
  size: Size = None,
  emotion: Emotion = None,
  control_scale: ControlScale = None,
) -> dict[str, Any]:
  """The options that jobs and sessions share, as JSON."""
  return dict(locals())


Sampling = Annotated[dict[str, Any], Depends(sampling_form)]


def clip_form(
  sampling: Sampling,
  face: Annotated[
    int,
    Form(ge=0, le=options.MAX_FACE, description='Number of the sampled portrait; unused with a portrait.'),
  ] = 0,
) -> dict[str, Any]:
  """The options of a job, as JSON."""
  return {**sampling, 'face': face}


def session_form(
  sampling: Sampling,
  chunk: Annotated[
    float,
    Form(gt=0, le=_LONGEST_CHUNK_SECONDS, allow_inf_nan=False, description='Seconds of frames in a chunk.'),
  ] = DEFAULT_CHUNK_SECONDS,
  lookahead: Annotated[
    float,
    Form(
      ge=LEAST_LOOKAHEAD / FPS,
      le=_LONGEST_CHUNK_SECONDS,
      allow_inf_nan=False,
      description='Seconds of audio after a chunk that its motion depends on.',
    ),
  ] = LOOKAHEAD_SECONDS,
) -> dict[str, Any]:
  """The options of a live session, as JSON."""
  return {**sampling, 'chunk': chunk, 'lookahead': lookahead, 'max_waiting': MAX_WAITING_SECONDS}


class Controls(BaseModel):
  """Controls of a live session; those that are left out are let go."""

  emotion: Annotated[str, Field(pattern=_EMOTION)] | None = Field(
    None, description='NAME or NAME=INTENSITY, as for a new session.', examples=[f'{EMOTIONS[1]}=0.7']
  )
  control_scale: list[Annotated[str, Field(pattern=_SCALE)]] = Field(
    [], max_length=len(CONTROLS), description='NAME=SCALE, as for a new session.'
  )
