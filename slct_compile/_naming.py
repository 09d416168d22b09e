"""Words for names: what a state is called after the awaited operation or the construct, and what the author calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import libcst as cst

_LABEL = re.compile(r"#\s*slct:\s*state=([A-Za-z_][A-Za-z0-9_]*)\s*$")


def camel(words: str) -> str:
    """`charge_card` → `ChargeCard`; what cannot stand in a name is left out."""
    parts = re.split(r"[^0-9A-Za-z\u0080-\uffff]+", words)
    return "".join(p[:1].upper() + p[1:] for p in parts)


def label_in_comment(comment: str) -> str | None:
    """The name in `# slct: state=Paid`."""
    found = _LABEL.search(comment)
    return found.group(1) if found else None


def words_of(node: cst.BaseExpression) -> str:
    """The last name in an expression that is one: `self.orders` → `orders`."""
    match node:
        case cst.Name(value=name):
            return name
        case cst.Attribute(attr=attribute):
            return attribute.value
        case cst.Call(func=inner) | cst.Await(expression=inner):
            return words_of(inner)
        case cst.Subscript(value=value):
            return words_of(value)
        case cst.SimpleString():
            text = node.evaluated_value
            return text if isinstance(text, str) and text.isidentifier() else ""
        case _:
            return ""


_ABOUT_FIRST = frozenset({"recv", "send", "call", "join", "result", "go", "request"})
"""Operations told apart by what they are about: `recv(self.orders)` → `RecvOrders`."""
_METHODS = frozenset({"recv", "send", "join", "result"})


def operation_hint(operation: cst.BaseExpression) -> str:
    """What the state after an operation is called: `RecvOrders`, `CallChargeCard`, `SelectPaymentLate`, `Sleep`."""
    match operation:
        case cst.Call(func=func, args=arguments):
            name = words_of(func)
            if name in ("select", "gather"):
                return camel(name) + "".join(_case_hint(a) for a in arguments)
            if name in _ABOUT_FIRST and isinstance(func, cst.Attribute) and name in _METHODS:
                return camel(name) + camel(words_of(func.value))
            if name in _ABOUT_FIRST and arguments:
                return camel(name) + camel(words_of(arguments[0].value))
            return camel(name) or "Await"
        case _:
            return "Await" + camel(words_of(operation))


def _case_hint(argument: cst.Arg) -> str:
    if argument.keyword is not None:
        return "" if argument.keyword.value == "label" else camel(argument.keyword.value)
    return "" if argument.star else operation_hint(argument.value)


def label_argument(operation: cst.BaseExpression) -> cst.BaseExpression | None:
    """What stands as the label in `select(..., label="Paid")`."""
    if not isinstance(operation, cst.Call) or words_of(operation.func) != "select":
        return None
    found = (a.value for a in operation.args if a.keyword is not None and a.keyword.value == "label")
    return next(found, None)


def operation_label(operation: cst.BaseExpression) -> str | None:
    """The name in `select(..., label="Paid")`."""
    value = label_argument(operation)
    if isinstance(value, cst.SimpleString) and isinstance(value.evaluated_value, str):
        return value.evaluated_value if value.evaluated_value.isidentifier() else None
    return None


def without_label(operation: cst.BaseExpression) -> cst.BaseExpression:
    """The operation without the label, which only the compiler reads."""
    if operation_label(operation) is None:
        return operation
    assert isinstance(operation, cst.Call)
    kept = [a for a in operation.args if a.keyword is None or a.keyword.value != "label"]
    if kept:
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return operation.with_changes(args=kept)


def handler_hint(type: cst.BaseExpression | None) -> str:
    return "Handle" + (camel(words_of(type)) if type is not None else "")


def definition_name(class_name: str) -> str:
    """`HTTPOrder2Go` → `http_order2_go` (detail D12)."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name)
    return split.lower()


def unique(wanted: str, taken: Mapping[str, object] | set[str]) -> str:
    """`wanted`, or with the first number that makes it new."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}{number}"
    return name
