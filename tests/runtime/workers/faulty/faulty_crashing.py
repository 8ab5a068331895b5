"""A plugin that ends its worker when it is loaded."""

import os

os._exit(7)
