"""The control-flow graph between the author's tree and the states: `ops` the data, `pprint` the text, `check` the verifier."""
