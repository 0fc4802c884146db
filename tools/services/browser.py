"""A Chromium for tests to drive. Only a program: who uses it (playwright) starts and ends it."""

from tools.services.service import Service, apt, on_path

BROWSER = Service(
    name="browser",
    purpose="Chromium, driven by playwright",
    look=on_path("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    install=(apt("chromium"),),
    variable="SIGHTLINE_BROWSER",
)
