"""`python -m recint.cli` does the same as `recint`."""

import sys

from recint.cli import main

if __name__ == "__main__":  # the tests import every module
    sys.exit(main())
