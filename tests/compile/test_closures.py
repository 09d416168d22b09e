"""Rule 9: functions and lambdas that outlive a suspension share their variables, in memory and in storage.

The programs of `samples/closures.txt` run three ways: as written, compiled, and compiled with the whole process written and
read back at every suspension, all of it made anew each time.
"""

from __future__ import annotations

import pytest
from compile_harness import compile_source, explain, findings, run_direct, run_saved
from test_differential import Sample, read_samples


@pytest.mark.parametrize("sample", read_samples("closures.txt"), ids=lambda s: s.name)
def test_a_program_with_closures_does_the_same_saved_at_every_suspension(sample: Sample) -> None:
    output = compile_source(sample.source)
    assert not output.diagnostics, findings(output)
    for script in sample.scripts:
        direct = run_direct(sample.source, script)
        saved = run_saved(output.text, script)
        assert saved == direct, explain(sample.source, output.text, script, direct, saved)
