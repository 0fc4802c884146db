"""`sightline top`: what runs on this machine, or elsewhere, live in the terminal.

`feeds` say how something is now (a site of this machine, a pipe behind its API, a hub), `watching` asks each
of them again and again in a thread of its own, `sheets` makes rows of what they said and of what they said
before, and `app` shows these and takes keys. Whatever is shown came from outside: its texts have neither
secrets nor what a terminal would obey.
"""
