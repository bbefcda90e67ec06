"""Runs a command that ends when whoever started this does: `python -m tests.servers.leash COMMAND...`.

A test run may be killed in a way that no handler sees; then its end of our standard input closes, and the server goes.
The first line on standard output is the id of the command's process.
"""

import subprocess
import sys
from threading import Thread


def main() -> int:
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    print(server.pid, flush=True)  # noqa: T201 (how the parent is told)

    def hold() -> None:
        sys.stdin.read()
        server.kill()

    Thread(target=hold, daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
