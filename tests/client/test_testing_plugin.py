"""The `sim` fixture and the `slct` marker, as a user's tests use them: once as written, once compiled."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

ORDERS = """
from dataclasses import dataclass
from datetime import timedelta
from runtime_client import Channel, Process, after, call, recv, select
from orders_io import charge

@dataclass
class Receipt:
    text: str

class Order(Process):
    payments = Channel[int]()
    paid: int = 0

    async def main(self, total: int) -> Receipt | str:
        while self.paid < total:
            match await select(payment=recv(self.payments), late=after(timedelta(days=2))):
                case ("payment", amount):
                    self.paid += amount
                case ("late", _):
                    return "cancelled"
        return Receipt(await call(charge, total))
"""

TESTS = """
from datetime import timedelta
import pytest
from orders import Order, Receipt
from orders_io import charge

@pytest.mark.slct(both=True)
async def test_late(sim):
    ref = await sim.start(Order, 100)
    await sim.advance(timedelta(days=2))
    assert await ref.result() == "cancelled"

@pytest.mark.slct(both=True, crash=3)
async def test_paid(sim):
    sim.effects[charge] = lambda total: f"fake {total}"
    ref = await sim.start(Order, 100)
    await ref.send("payments", 100)
    assert await ref.result() == Receipt("fake 100")

@pytest.mark.slct(both=True, explore=3)
async def test_in_any_order(sim):
    ref = await sim.start(Order, 100)
    await ref.send("payments", 100)
    assert (await ref.result()).text == "real 100"

async def test_direct(sim):
    ref = await sim.start(Order, 1)
    await ref.send(Order.payments, 1)
    assert (await ref.result()).text == "real 1"
"""


def test_both_modes_run_and_values_keep_the_tests_own_classes(pytester: pytest.Pytester) -> None:
    source = pytester.mkdir("src")
    (source / "orders.py").write_text(ORDERS)
    (source / "orders_io.py").write_text("def charge(total):\n    return f'real {total}'\n")
    pytester.makepyfile(test_orders=TESTS)
    pytester.makeini("[pytest]\npythonpath = src\n")
    outcome = pytester.runpytest_subprocess("-v")
    outcome.assert_outcomes(passed=11)
    outcome.stdout.fnmatch_lines(["*::test_in_any_order[[]compiled-schedule2] PASSED*"])


def test_what_does_not_compile_is_said_with_the_compilers_words(pytester: pytest.Pytester) -> None:
    source = pytester.mkdir("src")
    (source / "bad.py").write_text(
        "from runtime_client import Process, sleep\nclass Bad(Process):\n    async def main(self):\n"
        "        await sleep(0)\n        print(locals())\n"
    )
    pytester.makepyfile(
        test_bad="import pytest\nfrom bad import Bad\n\n@pytest.mark.slct(compiled=True)\n"
        "async def test_bad(sim):\n    await sim.start(Bad)\n"
    )
    pytester.makeini("[pytest]\npythonpath = src\n")
    outcome = pytester.runpytest_subprocess()
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["*bad.py:5:*SLC103*"])


def test_a_process_that_waits_says_what_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        waiting="from runtime_client import Process, Channel, recv\nclass W(Process):\n    c = Channel[int]()\n"
        "    async def main(self):\n        return await recv(self.c)\n",
        test_waiting="from waiting import W\n\nasync def test_w(sim):\n    ref = await sim.start(W)\n    await ref.result()\n",
    )
    outcome = pytester.runpytest_subprocess()
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["*process 'w-1' is running and waits for goroutine 1: recv(c)*"])
