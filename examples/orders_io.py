"""What an order does to the outside world: ordinary functions, run as effects with `call(...)`.

An effect may be attempted more than once (the machine may stop after the card was charged and before anybody wrote that
down), so each hands the other side an idempotency key, which is the same on every attempt.
Here a log line stands in for the payment service and the mail server.
"""

import logging

from runtime_client import current_effect

log = logging.getLogger(__name__)


def charge_card(customer: str, total: int) -> str:
    """Charge the customer and give the number of the receipt."""
    key = current_effect().idempotency_key
    log.info("charge %s: %d (idempotency key %s)", customer, total, key)
    return f"R-{customer}-{total}"


def send_mail(customer: str, text: str) -> None:
    """Write to the customer."""
    log.info("mail to %s: %s (idempotency key %s)", customer, text, current_effect().idempotency_key)
