"""`slct-compile verify`: what can never go on, found by trying every order.

`model.py` is the data. `running.py` goes from a wake-up to the next wait, with data abstracted away, through the code of states: `statements.py`, with
`branches.py`, `expressions.py` and `waits.py` for their parts. `exploring.py` tries all that may happen to one process, and judges; `command.py` says it. Two kinds of choice are kept apart: which goroutine, timer or message comes first
is chosen against the author, what depends on data for the author. What cannot be followed is `Unknown`, and nothing is said of it.
"""
