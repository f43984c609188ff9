import sys

from tinyrec.cli import main

sys.exit(main())
