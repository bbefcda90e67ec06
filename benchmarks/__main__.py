"""The measurements of the default, one after the other: `make bench`. Each can be run alone; see its first lines.

`python -m benchmarks.throughput` needs wrk. Those of Neo4j and JanusGraph start servers of their own: `python -m
benchmarks.neo4j`, `python -m benchmarks.gremlin`.
"""

import subprocess
import sys

if __name__ == "__main__":
    for part in (["benchmarks.fold"], ["benchmarks.engine"], ["benchmarks.service", "100000"], ["benchmarks.cache"]):
        print(f"\n== {' '.join(part)}", flush=True)
        subprocess.run([sys.executable, "-m", *part], check=True)
