"""`python -m recint.cli`, which does what `recint` does."""

import sys

from recint.cli import main

if __name__ == "__main__":  # it is also imported, with all other modules of the package
    sys.exit(main())
