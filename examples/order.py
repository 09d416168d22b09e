"""One order, from payment to delivery, written as one function although it may live for weeks.

Run it, from the root of the repository:

    slct-compile examples/ -o build/
    slct runtime --store sqlite:///slct.db &
    slct worker build/ --version 1 &
    slct start order ada 100 --id order-17
    slct send order-17 payments 40 --key payment-1
    slct show order-17                          # paid: 40; parked in order.py, waiting for a payment or for two days
    slct send order-17 payments 60 --key payment-2
    slct result order-17                        # the receipt
"""

from datetime import timedelta

from runtime_client import Channel, Process, Retry, after, call, go, recv, select, sleep

from orders_io import charge_card, send_mail


class Order(Process):
    """One order, from payment to delivery; may live for weeks."""

    payments = Channel[int]()
    notes = Channel[str](capacity=100)
    paid: int = 0

    async def main(self, customer: str, total: int) -> str:
        go(self.remind(customer))
        while self.paid < total:
            match await select(payment=recv(self.payments), late=after(timedelta(days=2))):
                case ("payment", amount):
                    self.paid += amount
                case ("late", _):
                    return "cancelled"
        receipt: str = await call(charge_card, customer, total, retry=Retry(max_attempts=5))
        await self.thank(customer, receipt)
        return receipt

    async def remind(self, customer: str) -> None:
        while True:
            await sleep(timedelta(hours=12))
            await call(send_mail, customer, "still waiting")

    async def thank(self, customer: str, receipt: str) -> None:
        await call(send_mail, customer, f"receipt {receipt}")
