"""A worker that only pretends: what it is told is how it behaves."""

import os
import signal
import sys

from layerstore.cli.orders import READY


def main() -> None:
    """Until the parent lets go of the control socket, or a signal ends it."""
    told, _, control = sys.argv[1:]
    if told == "fails":
        sys.exit(3)
    if told == "is deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(int(control), READY)
    os.read(int(control), 1)


if __name__ == "__main__":
    main()
