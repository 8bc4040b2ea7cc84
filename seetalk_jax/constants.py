"""Constants that several packages share: time base, sizes, motion fields, labels, names of files and stages.

This file imports neither JAX nor NumPy nor anything of the package: configurations and `seetalk --help` read it too.
"""

from __future__ import annotations

import enum

# ------------------------------------------------------------------------------------------ time base
SAMPLE_RATE_HZ = 16_000  # of speech
FPS = 25  # frames of video a second
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 640: a frame of video is 40 ms of speech

# ------------------------------------------------------------- sizes that records and networks agree on
SPEECH_SECONDS = 3  # of speech that one voice vector is made from
SPEECH_FRAMES = SPEECH_SECONDS * FPS  # 75
SPEECH_SAMPLES = SPEECH_SECONDS * SAMPLE_RATE_HZ
WINDOW_FRAMES = 100  # 4 s: what the motion transformer is trained on
CLIP_FRAMES = FPS  # frames of a `clips` record: 1 s
CLIP_SIZE = 128  # pixels of a side of these frames
EMBEDDING_DIM = 512  # numbers of a voice vector or a face vector

SYNC_FRAMES = 5  # frames that a sync expert compares with their sound: 0.2 s
SYNC_SAMPLES = SYNC_FRAMES * SAMPLES_PER_FRAME  # 3200: the sound of these frames
MOUTH_SIZE = (48, 96)  # height and width of the sync expert's mouth crops
FACE_SIZE = 224  # pixels of a side of SyncNet's face crops
SYNCNET_SAMPLES = 19 * 160 + 400  # 3440: the sound that SyncNet reads, 20 windows of 25 ms, one every 10 ms
# Left, top, right and bottom of SyncNet's face crop in a portrait: the box of a face detector (brow line to chin; not
# specified in the paper, our choice), enlarged as the published pipeline does. Its lower edge lies below the picture,
# whose last row is repeated.
FACE_BOX = (0.038, 0.168, 0.962, 1.092)

# -------------------------------------------------------------------------------------------- motion
# What changes from frame to frame in a synthetic head, in the order of a motion track `[n, MOTION_DIM]`; 0 at rest.
MOTION_FIELDS = (
  'jaw',  # 0 closed, 1 dropped as in a wide "ah"
  'spread',  # mouth corners pulled apart, -0.3 to 1
  'rounding',  # lips protruded and narrowed, 0 to 1
  'closure',  # lips pressed together (m, b, p), 0 to 1; 1 means closed whatever the jaw does
  'upper_lip',  # upper lip raised, 0 to 1
  'tuck',  # lower lip under the upper teeth (f, v), 0 to 1
  'tongue',  # tongue tip raised and visible, 0 to 1
  'smile',  # corners up, -1 (frown) to 1
  'blink_left',  # the subject's left lids, 0 open to 1 closed
  'blink_right',
  'squint',  # 0 to 1
  'gaze_yaw',  # radians, about -0.4 to 0.4; positive to the subject's left
  'gaze_pitch',  # radians, about -0.4 to 0.4; positive is up
  'brow_raise',  # -1 to 1
  'brow_furrow',  # 0 to 1
  'yaw',  # head pose in radians; positive turns to the subject's left
  'pitch',  # radians; positive is up
  'roll',  # radians; positive tilts to the subject's left shoulder
  'shift_x',  # translation of the head across the picture, in units of its half width
  'shift_y',
)
MOTION_DIM = len(MOTION_FIELDS)  # 20
SMILE = MOTION_FIELDS.index('smile')
LIPS = slice(MOTION_FIELDS.index('jaw'), SMILE + 1)  # the fields that speech moves
NUM_LIP_FIELDS = len(MOTION_FIELDS[LIPS])  # 8
BLINK = slice(MOTION_FIELDS.index('blink_left'), MOTION_FIELDS.index('blink_right') + 1)
POSE = slice(MOTION_FIELDS.index('yaw'), MOTION_FIELDS.index('roll') + 1)  # yaw, pitch, roll
POSE_AND_SHIFT = slice(POSE.start, MOTION_FIELDS.index('shift_y') + 1)

# Controls of the motion besides the speech. Tracks: name -> numbers a frame (yaw, pitch and roll in radians; how far
# the lids are closed, 0 to 1).
CONTROL_TRACKS = {'pose': 3, 'blink': 1}
# The eight of MEAD, a data set of acted emotions.
EMOTIONS = ('neutral', 'happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted', 'contemptuous')
CONTROLS = (*CONTROL_TRACKS, 'emotion', 'style')


class Part(enum.IntEnum):
  """What a cell of a synthetic picture shows."""

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
CONFIG_FILE = 'config.json'  # its configuration and networks
RESULT_FILE = 'result.json'  # written when it is finished
CHECKPOINTS_FOLDER = 'checkpoints'

# Training stages, in an order that trains; a stage starts from networks of earlier ones.
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
