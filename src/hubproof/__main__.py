"""Lets `python -m hubproof` be the command."""

import sys

from hubproof.cli import main

sys.exit(main())
