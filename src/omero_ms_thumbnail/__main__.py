"""``python -m omero_ms_thumbnail`` is the console command."""

import sys

from .cli import main

sys.exit(main())
