"""The one time base of speech and video."""

SAMPLE_RATE_HZ = 16_000
FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 640: a frame of video is 40 ms of speech

# Left, top, right, bottom in a portrait of what SyncNet looks at: the box that a face detector draws (brow line to
# chin, our reading), enlarged as the published pipeline does. Its lower edge lies below the picture, whose last row it
# repeats.
FACE_BOX = (0.038, 0.168, 0.962, 1.092)
