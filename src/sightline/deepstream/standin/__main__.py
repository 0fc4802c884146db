"""`python -m sightline.deepstream.standin`."""

import sys

from sightline.deepstream.standin.program import main

sys.exit(main())
