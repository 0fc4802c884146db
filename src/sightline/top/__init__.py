"""`sightline top`: what runs on this machine, or elsewhere, live in the terminal."""
