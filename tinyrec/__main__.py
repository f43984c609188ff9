import sys

try:
    from tinyrec.cli import main

    sys.exit(main())
except KeyboardInterrupt:  # so early that nothing is lost
    sys.exit(130)
