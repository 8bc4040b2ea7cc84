"""Names of the files in the folder of a job, besides job.json."""

SPEECH = 'speech'  # the upload, in any format
PORTRAIT_INPUT = 'face.png'  # portrait crop of an uploaded picture
VIDEO = 'talk.mp4'
PORTRAIT = 'portrait.png'
