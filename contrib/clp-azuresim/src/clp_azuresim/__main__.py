"""`python -m clp_azuresim` is `clp-azuresim`."""

import sys

from clp_azuresim.main import main

sys.exit(main())
