"""`python -m agents.demo.leash PROGRAM [ARGUMENT ...]`: a program that is not ours and that ends when we do.

The one who starts it holds its standard input open and never writes; when that one is gone, by kill -9 too, the system
closes the pipe and the program is stopped, after a while by force. SIGTERM is passed on. The exit status is the
program's.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

STOPS_WITHIN_S = 2.0


def main() -> int:
    """Run the program until it ends or our standard input does."""
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def stop(*_: object) -> None:
        program.terminate()

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        program.terminate()
        with suppress(subprocess.TimeoutExpired):
            program.wait(STOPS_WITHIN_S)
        program.kill()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
