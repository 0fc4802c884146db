"""`python -m sightline.deepstream.standin`."""

import signal
import sys

# As the real one before its pipeline is made: an interrupt ends it without a word, or, where it is the first
# process of a container, does nothing. What follows takes a second to import.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from sightline.deepstream.standin.program import main  # noqa: E402 - see above

sys.exit(main())
