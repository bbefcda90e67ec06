"""Readers and writers over one store, and the proof afterwards: every answer equals the graph at an epoch between the last
write acknowledged before the question and the answer.

`world.py` has what is written and asked, `history.py` replays, `worker.py` is a process of its own, `faults.py` does to
Redis what happens to it, `weakened.py` are copies of the rules that are wrong, each of which must be caught.
"""
