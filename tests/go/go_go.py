"""Programs as Go, built into one binary; and all that a number of runs of each ended in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from go_programs import (
    NIL,
    Close,
    Length,
    Merge,
    Operation,
    Outcome,
    Program,
    Range,
    Recovered,
    Recv,
    Select,
    Send,
    Spawn,
)

HEAD = """\
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a program cannot see, its schedule, is shaken.
func jitter() {
	switch rand.Intn(6) {
	case 0, 1:
		runtime.Gosched()
	case 2:
		time.Sleep(time.Duration(rand.Intn(30)) * time.Microsecond)
	}
}

// Go ends a program that panics; so does this, after it has said so.
func told() {
	if recover() != nil {
		fmt.Println("panic")
		os.Exit(3)
	}
}

func recovered(log *string) {
	if recover() != nil {
		*log += "p,"
	}
}

func text(value int, ok bool) string {
	if !ok {
		return "x"
	}
	return strconv.Itoa(value)
}

func main() {
	number, _ := strconv.Atoi(os.Args[1])
	runs, _ := strconv.Atoi(os.Args[2])
	seed, _ := strconv.ParseInt(os.Args[3], 10, 64)
	rand.Seed(seed)
	for ; runs > 0; runs-- {
		logs := programs[number]()
		fmt.Println("ok|" + strings.Join(logs, "|"))
	}
}
"""

RESPAWNS_MAX = 12
"""A run that panics or deadlocks ends its OS process; so many are begun anew for each program."""


class GoOutcomes:
    """The programs as one Go binary.

    Raises:
      subprocess.CalledProcessError: Go refuses the text, which would be a mistake of the printer.
    """

    def __init__(self, programs: Sequence[Program], directory: Path) -> None:
        (directory / "go.mod").write_text("module oracle\n\ngo 1.19\n", encoding="utf-8")
        (directory / "main.go").write_text(go_text(programs), encoding="utf-8")
        self._binary = directory / "oracle"
        subprocess.run(
            ["go", "build", "-o", str(self._binary), "."], cwd=directory, check=True, capture_output=True, text=True
        )

    def of(self, number: int, runs: int) -> frozenset[Outcome]:
        """What that many runs ended in."""
        found: set[Outcome] = set()
        left = runs
        for attempt in range(RESPAWNS_MAX):
            command = [str(self._binary), str(number), str(left), str(attempt * 7919 + number)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            lines = done.stdout.splitlines()
            found |= {_read(line) for line in lines}
            left -= len(lines)
            if "all goroutines are asleep" in done.stderr:
                found.add(Outcome("deadlock"))
                left -= 1
            if left <= 0 or done.returncode == 0:
                break
        return frozenset(found)


def _read(line: str) -> Outcome:
    status, *logs = line.split("|")
    return Outcome(status, tuple(logs))


def go_text(programs: Sequence[Program]) -> str:
    """One function per program, and a table of them."""
    table = "var programs = []func() []string{" + ", ".join(f"p{n}" for n in range(len(programs))) + "}\n"
    return "\n".join([HEAD, table, *map(_function, range(len(programs)), programs)])


def _function(number: int, program: Program) -> str:
    count = len(program.goroutines)
    lines = [f"func p{number}() []string {{", "\tdefer told()"]
    for channel, capacity in enumerate(program.capacities):
        lines.append(f"\tvar c{channel} chan int" + ("" if capacity == NIL else f" = make(chan int, {capacity})"))
        lines.append(f"\t_ = c{channel}")
    lines += [f"\tlogs := make([]string, {count})", "\tvar group sync.WaitGroup", f"\tgroup.Add({count - 1})"]
    for goroutine in range(count - 1, 0, -1):
        lines += [f"\tg{goroutine} := func() {{", "\t\tdefer told()", *_body(program, goroutine, 2)]
        lines += ["\t\tgroup.Done()", "\t}"]
    lines += [f"\tgo g{goroutine}()" for goroutine in range(1, count) if goroutine not in program.spawned]
    return "\n".join([*lines, *_body(program, 0, 1), "\tgroup.Wait()", "\treturn logs", "}\n"])


def _body(program: Program, goroutine: int, depth: int) -> list[str]:
    lines: list[str] = []
    for operation in program.goroutines[goroutine]:
        lines += ["jitter()", *_operation(operation, f"logs[{goroutine}] +=")]
    return ["\t" * depth + line for line in lines]


def _operation(operation: Operation, log: str) -> Iterator[str]:
    match operation:
        case Send(channel, value):
            yield from (f"c{channel} <- {value}", f'{log} "s,"')
        case Recv(channel):
            yield from ("{", f"\tvalue, ok := <-c{channel}", f'\t{log} "r" + text(value, ok) + ","', "}")
        case Close(channel):
            yield from (f"close(c{channel})", f'{log} "c,"')
        case Range(channel, limit):
            yield from ("{", "\tturns := 0", f"\tfor value := range c{channel} {{")
            yield from (f'\t\t{log} "i" + strconv.Itoa(value) + ","', "\t\tturns++")
            yield from (f"\t\tif turns == {limit} {{", "\t\t\tbreak", "\t\t}", "\t}")
            yield from (f"\tif turns < {limit} {{", f'\t\t{log} "ix,"', "\t}", "}")
        case Select(cases, has_default):
            yield "select {"
            for number, case in enumerate(cases):
                yield from _case(number, case, log)
            if has_default:
                yield from ("default:", f'\t{log} "d,"')
            yield "}"
        case Merge(channels):
            yield "{\n\tmerged := []chan int{" + ", ".join(f"c{channel}" for channel in channels) + "}"
            yield "\tfor " + " || ".join(f"merged[{n}] != nil" for n in range(len(channels))) + " {"
            yield "\t\tselect {"
            for number in range(len(channels)):
                yield f"\t\tcase value, ok := <-merged[{number}]:"
                yield f'\t\t\t{log} "{number}m" + text(value, ok) + ","'
                yield f"\t\t\tif !ok {{\n\t\t\t\tmerged[{number}] = nil\n\t\t\t}}"
            yield from ("\t\t}", "\t}", f'\t{log} "mx,"', "}")
        case Length(channel):
            yield f'{log} "l" + strconv.Itoa(len(c{channel})) + "of" + strconv.Itoa(cap(c{channel})) + ","'
        case Spawn(goroutine):
            yield from (f"go g{goroutine}()", f'{log} "g,"')
        case Recovered(inner):
            yield from ("func() {", f"\tdefer recovered(&{log.removesuffix(' +=')})", *_operation(inner, log), "}()")


def _case(number: int, case: Send | Recv, log: str) -> Iterator[str]:
    if isinstance(case, Send):
        yield from (f"case c{case.channel} <- {case.value}:", f'\t{log} "{number}s,"')
    else:
        yield f"case value, ok := <-c{case.channel}:"
        yield f'\t{log} "{number}r" + text(value, ok) + ","'
