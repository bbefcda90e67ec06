"""All measurements, one after the other: `make bench`. Each can be run alone; see its first lines."""

import subprocess
import sys

if __name__ == "__main__":
    for part in (["benchmarks.fold"], ["benchmarks.engine"], ["benchmarks.service", "100000"]):
        print(f"\n== {' '.join(part)}", flush=True)
        subprocess.run([sys.executable, "-m", *part], check=True)
