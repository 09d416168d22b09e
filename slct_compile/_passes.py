"""What `--show` takes: the passes that have a printed form."""

PASSES = ("find", "normalised", "ir", "states", "names", "emitted", "output")
