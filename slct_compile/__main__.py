"""`python -m slct_compile`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
