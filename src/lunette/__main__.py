"""`python -m lunette`: the command line."""

import sys

from lunette.faces.cli import main

sys.exit(main())
