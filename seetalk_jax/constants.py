"""Constants shared by several packages: time base, sizes, motion fields, labels, file names and stage names.

This module imports neither JAX nor NumPy, because configurations and `seetalk --help` import it.
"""

from __future__ import annotations

import enum

from seetalk_jax import blendshapes

# ------------------------------------------------------------------------------------------ time base
SAMPLE_RATE_HZ = 16_000  # of speech
FPS = 25  # frames of video a second
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 640: a frame of video is 40 ms of speech

# ------------------------------------------------------------- sizes shared by records and networks
SPEECH_SECONDS = 3  # length of speech from which one voice embedding is computed
SPEECH_FRAMES = SPEECH_SECONDS * FPS  # 75
SPEECH_SAMPLES = SPEECH_SECONDS * SAMPLE_RATE_HZ
WINDOW_FRAMES = 100  # 4 s: window on which the motion transformer is trained
LEAST_LOOKAHEAD = 5  # frames, 0.2 s: the shortest look-ahead of live sessions in training
MOTION_STEPS = 4  # sampling steps of a motion track, see docs/experiments.md#sampling-steps
CLIP_FRAMES = FPS  # frames of a `clips` record: 1 s
CLIP_SIZE = 128  # side of these frames in pixels
EMBEDDING_DIM = 512  # size of a voice embedding and of a face embedding

SYNC_FRAMES = 5  # frames that a sync expert compares with the audio: 0.2 s
SYNC_SAMPLES = SYNC_FRAMES * SAMPLES_PER_FRAME  # 3200: audio samples of these frames
MOUTH_SIZE = (48, 96)  # height and width of the sync expert's mouth crops
FACE_SIZE = 224  # side of SyncNet's face crops in pixels
SYNCNET_SAMPLES = 19 * 160 + 400  # 3440: audio input of SyncNet, 20 windows of 25 ms with a hop of 10 ms
# Left, top, right and bottom of SyncNet's face crop, relative to the portrait. Not specified in the paper; we
# use a face detector's box (brow line to chin), enlarged as in the published pipeline. The lower edge is
# below the image; the last row is repeated there.
FACE_BOX = (0.038, 0.168, 0.962, 1.092)

# -------------------------------------------------------------------------------------------- motion
# Motion vector, in the order of a motion track `[n, MOTION_DIM]`; 0 is the neutral value of every field. The world
# renders it, `prepare` measures it, users set it, and the motion codec is taught it.
MOTION_FIELDS = (
  *blendshapes.NAMES,  # 52 coefficients, 0 to 1
  'yaw',  # head pose in radians; positive turns to the person's left
  'pitch',  # radians; positive is up
  'roll',  # radians; positive tilts to the person's left shoulder
  'shift_x',  # translation of the head in units of half the image width; positive is to the viewer's right
  'shift_y',  # positive is up
  'shift_z',  # positive is towards the camera
)
MOTION_DIM = len(MOTION_FIELDS)  # 58
COEFFICIENTS = slice(0, blendshapes.NUM_BLENDSHAPES)
POSE = slice(MOTION_FIELDS.index('yaw'), MOTION_FIELDS.index('roll') + 1)  # yaw, pitch, roll
POSE_AND_SHIFT = slice(POSE.start, MOTION_FIELDS.index('shift_z') + 1)
# Indices of the fields that speech moves: jaw, mouth and tongue. To index an array: `motion[..., np.array(LIPS)]`.
LIPS = tuple(
  index
  for region in (blendshapes.Region.JAW, blendshapes.Region.MOUTH, blendshapes.Region.TONGUE)
  for index in blendshapes.REGIONS[region]
)
NUM_LIP_FIELDS = len(LIPS)  # 28
# eyeBlinkLeft and eyeBlinkRight, as a slice with a step.
BLINK = slice(
  blendshapes.INDEX['eyeBlinkLeft'],
  blendshapes.INDEX['eyeBlinkRight'] + 1,
  blendshapes.INDEX['eyeBlinkRight'] - blendshapes.INDEX['eyeBlinkLeft'],
)


class MotionStatus(enum.IntEnum):
  """Origin of a field of a motion vector; the value is stored in records, the name in JSON motion files."""

  ABSENT = 0  # not known; the field is 0
  ESTIMATED = 1  # measured in a real video by a face landmarker
  EXACT = 2  # the world rendered it
  SAMPLED = 3  # sampled from speech by a motion transformer; in motion files alone, never in records


# Weight of an error against a field, or against landmarks, of each status: all losses take it from here. Estimates are
# noisy and biased, so they count less. What a network has sampled is no ground truth.
STATUS_WEIGHTS = {
  MotionStatus.ABSENT: 0.0,
  MotionStatus.ESTIMATED: 0.3,
  MotionStatus.EXACT: 1.0,
  MotionStatus.SAMPLED: 0.0,
}

# Statistic of a motion codec: 1 if its truth encoder was trained, 0 if it has its random initial values.
TRUTH_KNOWN = 'truth_known'

# Text that espeak-ng speaks: default voice, least and most words per minute, and their default.
SPOKEN_VOICE, SPEAKING_RATES, SPEAKING_RATE = 'en-us', (80, 400), 160

# Controls of the motion besides the speech. Tracks: name -> values per frame (pose: yaw, pitch and roll in
# radians; blink: eyelid closure, 0 to 1; gaze: horizontal and vertical direction in the head, -1 to 1, see
# `blendshapes.gaze`).
CONTROL_TRACKS = {'pose': 3, 'blink': 1, 'gaze': 2}
# The eight emotions of MEAD, a data set of acted emotions.
EMOTIONS = ('neutral', 'happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted', 'contemptuous')
# What is heard between sentences; labels of records.
EVENTS = ('laugh', 'sigh', 'cough', 'hesitation', 'breath')
CONTROLS = (*CONTROL_TRACKS, 'emotion', 'style')


class Part(enum.IntEnum):
  """Segmentation label of a cell of a synthetic image."""

  BACKGROUND = 0
  BODY = 1
  NECK = 2
  SKIN = 3
  HAIR = 4
  BROW = 5
  EYE = 6
  LIP = 7
  MOUTH = 8  # teeth, tongue and throat
  GLASSES = 9


# ------------------------------------------------------------------------------------ files and stages
RELEASE_FILE = 'seetalk.json'  # describes a release, in its folder
# In the --workdir of a training run.
CONFIG_FILE = 'config.json'  # configuration and networks of the run
RESULT_FILE = 'result.json'  # written when the run is finished
CHECKPOINTS_FOLDER = 'checkpoints'

# Training stages in order; a stage starts from the networks of earlier stages.
STAGES = (
  'conre',
  'autoencoder',
  'face_prior',
  'portrait',
  'codebook',
  'motion_codec',
  'code_transformer',
  'sync_expert',
  'motion',
  'lip_refiner',
  'render',
)

# ---------------------------------------------------------------------------- variants of configurations
IMAGE_SIZES = {
  'tiny': 64,
  'demo': 512,
  'base': 512,
  'large': 512,
}  # size of networks -> side of pictures in pixels
# Variant of configs/all.py for recordings -> size of the networks.
RECORDING_VARIANTS = {'real': 'base', 'real-demo': 'demo', 'real-person': 'demo', 'real-tiny': 'tiny'}
ONE_PERSON = 'real-person'  # the one of these for recordings of one speaker
POD_SIZES = ('base', 'large')  # sizes of networks for a pod slice or an eight-GPU host


def smallest_crop(image_size: int) -> int:
  """Smallest side of a portrait crop, in pixels of the recording, that teaches details of pictures of `image_size`."""
  return 3 * image_size // 4
