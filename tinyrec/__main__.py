import sys

try:
    from tinyrec.cli import main

    sys.exit(main())
except KeyboardInterrupt:  # before any work was done
    sys.exit(130)
