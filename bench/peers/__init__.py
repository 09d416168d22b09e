"""Other systems, measured by the same workloads: `make bench-peers`.

Each driver is a program of its own, run by an environment that holds that system and nothing of ours. It gets a folder and the seconds
that a workload takes, and prints one line of JSON per figure: `quantity`, `value`, `size`. Defaults of the systems are left as they are,
durability above all. What a driver calls applied: the code of the workflow has gone past the wait.
"""
