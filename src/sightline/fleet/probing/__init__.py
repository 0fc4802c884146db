"""One look at a camera for whoever asks: what it sends, a picture, or what is wrong with it."""
