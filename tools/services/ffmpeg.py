"""The ffmpeg program: a reader of streams and files that shares no code with ours. ffprobe comes with it."""

from tools.services.service import Service, apt, on_path

FFMPEG = Service(
    name="ffmpeg",
    purpose="ffmpeg and ffprobe, independent readers",
    look=on_path("ffmpeg"),
    install=(apt("ffmpeg"),),
    variable="SIGHTLINE_FFMPEG",
)
