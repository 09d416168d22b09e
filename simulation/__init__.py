"""Deterministic simulation: the real core, shell, stores and worker loop in one OS process, under a seed.

In reading order: `_loop.py` (time that jumps), `_disk.py` (a disk that dies, and what must hold of every commit),
`_network.py` (calls and sessions that are lost, late and repeated), `_world.py` (one run: who does what, and what must hold
at its end), `bugs.py` (mistakes that the simulation has to find), `__main__.py` (`make simulate`).
"""
