import sys

from tinyrec import signals
from tinyrec.cli import main

try:
    code = main()
finally:
    signals.ignore()
sys.exit(code)
