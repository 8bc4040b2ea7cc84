"""The one time base of speech and video."""

SAMPLE_RATE_HZ = 16_000
FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS  # 640: a frame of video is 40 ms of speech
