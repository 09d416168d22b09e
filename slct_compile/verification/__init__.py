"""`slct-compile verify`: what can never go on, found by trying every order.

`model.py` is the data. `running.py` goes from a wake-up to the next wait of one goroutine, with data abstracted away, through the code of states: `statements.py`,
with `branches.py`, `expressions.py`, `sequences.py` and `waits.py` for their parts; what it does to others are `effects.py`. `applying.py` does them to the
whole process, `moves.py` knows what may happen next, `exploring.py` tries all of it, and judges; `command.py` says it. `automata.py`, `promela.py` and `proctypes.py` write
the same down for Spin.

Two kinds of choice are kept apart: which goroutine, timer or message comes first is chosen against the author, what depends on data for the author. What
cannot be followed may do anything that it can reach, or is `Unknown`, and nothing is said.
"""
