"""The comparison with other systems: its table, and what becomes of a driver that fails. No other system is needed here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.peers import compare
from bench.peers.compare import PEERS, Line, Peer, Unavailable, table

STEPS = "steps, 10 processes at a time"
LATE = "timers due together, p99 late in s"


def test_table_has_what_others_have_with_shares_where_the_disk_is_the_limit() -> None:
    lines = [
        Line("Other", STEPS, 250.0, 0, 1_000.0),
        Line("Other", LATE, 4.25, 500, 1_000.0),
        Line("slct, gRPC", STEPS, 1_500.0, 0, 2_000.0),
        Line("slct, gRPC", "idle, share of one core", 0.004, 500, 2_000.0),
    ]
    text = table(lines)
    assert "| what | Other | slct, gRPC |" in text
    assert f"| {STEPS}, per s | 250 (25.0%) | 1,500 (75.0%) |" in text
    assert f"| {LATE} | 4.25 |  |" in text
    assert "idle" not in text and "| 1,000 | 2,000 |" in text


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """One whose environment is there already: this interpreter."""
    monkeypatch.setattr(compare, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(compare, "HERE", tmp_path)
    (tmp_path / "fake" / "bin").mkdir(parents=True)
    (tmp_path / "fake" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "fake" / ".made").touch()
    (tmp_path / "place").mkdir()
    return Peer("Fake", "fake_driver.py", ())


def test_what_a_driver_prints_is_measured_beside_the_limit(peer: Peer, tmp_path: Path) -> None:
    line = '{"quantity": "steps", "value": 3, "size": 7}'
    (tmp_path / peer.driver).write_text(f"import sys; assert sys.argv[2] == '0.5'; print({line!r})")
    (measured,) = compare._measured(peer, tmp_path / "place", 0.5)
    assert (measured.system, measured.quantity, measured.value, measured.size) == ("Fake", "steps", 3.0, 7)
    assert measured.one_row_commits_s > 0


def test_a_driver_that_fails_half_way_counts_for_nothing(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / peer.driver).write_text("print('{}'); raise SystemExit(3)")
    with pytest.raises(Unavailable, match="its driver ended with 3"):
        compare._driven(peer, tmp_path / "place", 0.5)


def test_a_system_that_cannot_be_installed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peer: Peer
) -> None:
    with pytest.raises(Unavailable, match="failed: no such thing"):
        compare._run([sys.executable, "-c", "print('x'); raise SystemExit('no such thing')"])


@pytest.mark.parametrize("one", PEERS, ids=lambda one: one.name)
def test_drivers_are_programs(one: Peer) -> None:
    path = Path(compare.__file__).parent / one.driver
    compile(path.read_text("utf-8"), str(path), "exec")
