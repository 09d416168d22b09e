"""How fast this is, and which share of what the machine could do at the same time: `python -m bench --help`.

programs/       the durable programs that are measured
raw.py          the limits: what the disk and SQLite do without us
store_alone.py  our store with nothing above it
clusters.py     the runtime to be measured: in this OS process, or as OS processes of its own
run.py          the workloads
figures.py      what a workload came to
machine.py      what it was measured on
report.py       figures as JSON and as a table
compile.py      the compiler against black: `python -m bench compile`
corpus.py       the files that it is measured on
"""
