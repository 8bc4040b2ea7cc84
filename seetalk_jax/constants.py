"""Constants shared by several packages: time base, sizes, motion fields, labels, file names and stage names.

This module imports neither JAX nor NumPy nor any module of the package, because configurations and
`seetalk --help` import it.
"""

from __future__ import annotations

import enum

# ------------------------------------------------------------------------------------------ time base
SAMPLE_RATE_HZ = 16_000  # of speech
FPS = 25  # frames of video a second
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 640: a frame of video is 40 ms of speech

# ------------------------------------------------------------- sizes shared by records and networks
SPEECH_SECONDS = 3  # length of speech from which one voice embedding is computed
SPEECH_FRAMES = SPEECH_SECONDS * FPS  # 75
SPEECH_SAMPLES = SPEECH_SECONDS * SAMPLE_RATE_HZ
WINDOW_FRAMES = 100  # 4 s: window on which the motion transformer is trained
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
# Motion parameters of the synthetic head, in the order of a motion track `[n, MOTION_DIM]`; 0 is the neutral
# value.
MOTION_FIELDS = (
  'jaw',  # 0 closed, 1 dropped as in a wide "ah"
  'spread',  # mouth corners pulled apart, -0.3 to 1
  'rounding',  # lips protruded and narrowed, 0 to 1
  'closure',  # lips pressed together (m, b, p), 0 to 1; 1 means closed for any jaw value
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
  'shift_x',  # translation of the head in the image plane, in units of half the image width
  'shift_y',
)
MOTION_DIM = len(MOTION_FIELDS)  # 20
SMILE = MOTION_FIELDS.index('smile')
LIPS = slice(MOTION_FIELDS.index('jaw'), SMILE + 1)  # the fields that speech moves
NUM_LIP_FIELDS = len(MOTION_FIELDS[LIPS])  # 8
BLINK = slice(MOTION_FIELDS.index('blink_left'), MOTION_FIELDS.index('blink_right') + 1)
POSE = slice(MOTION_FIELDS.index('yaw'), MOTION_FIELDS.index('roll') + 1)  # yaw, pitch, roll
POSE_AND_SHIFT = slice(POSE.start, MOTION_FIELDS.index('shift_y') + 1)

# Controls of the motion besides the speech. Tracks: name -> values per frame (pose: yaw, pitch and roll in
# radians; blink: eyelid closure, 0 to 1).
CONTROL_TRACKS = {'pose': 3, 'blink': 1}
# The eight emotions of MEAD, a data set of acted emotions.
EMOTIONS = ('neutral', 'happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted', 'contemptuous')
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
