"""Aliases, cycles and deep structures; random graphs against an isomorphism check."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import codec_shop as shop
import pytest
from codec_graphs import assert_same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime_client._codec import Codec
from runtime_client._cursors import iterate
from runtime_client._errors import CodecError
from runtime_client._resolver import Resolver

Again = Callable[[Any], Any]
CODEC = Codec(Resolver(["codec_shop"]))

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["$", "$id", "$ref", "$deep", "\ud83d\ude00"])
    | st.binary(max_size=4)
    | st.complex_numbers()
    | st.datetimes()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.sampled_from([*shop.Colour, shop.Item, shop.charge, ...])
)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return value == value


@st.composite
def graphs(draw: Any) -> Any:
    """A graph of containers made first and filled afterwards, so that it has aliases and cycles."""
    makers: list[Callable[[], Any]] = [
        *(list, dict, shop.Plain, shop.MyList, shop.MyDict, shop.MySet, set),
        *(lambda: shop.Item("i"), lambda: shop.Node(0), ValueError, shop.Order.MainFrame, shop.collections.deque),
    ]
    nodes = [draw(st.sampled_from(makers))() for _ in range(draw(st.integers(1, 8)))]
    pool: list[Any] = list(nodes)
    for _ in range(draw(st.integers(0, 12))):
        members = draw(st.lists(st.sampled_from(range(len(pool))), max_size=3))
        kind = draw(st.sampled_from(["atom", "tuple", "key", "frozenset"]))
        made: Any = draw(ATOMS)
        if kind == "tuple":
            made = tuple(pool[index] for index in members)
        elif kind == "key":
            made = shop.Point(made, tuple(pool[index] for index in members))
        elif kind == "frozenset":
            made = frozenset(x for x in (pool[index] for index in members) if isinstance(x, int | str | bytes))
        pool.append(made)
    for node in nodes:
        for index in draw(st.lists(st.sampled_from(range(len(pool))), max_size=4)):
            _put(node, pool[index], draw)
    return nodes[0] if draw(st.booleans()) else nodes


def _put(node: Any, value: Any, draw: Any) -> None:
    match node:
        case set():
            if _hashable(value) and isinstance(value, int | str | bytes | shop.Colour):
                node.add(value)
        case dict():
            node[draw(st.text(max_size=3) | st.integers() | st.sampled_from(["$", "$ref"]))] = value
        case list() | shop.collections.deque():
            node.append(value)
        case ValueError():
            node.args = (*node.args, value)
        case shop.Node():
            node.next = value
        case shop.Order.MainFrame():
            node.__dict__["slot"] = value
        case _:
            node.extra = value


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs())
def test_random_graphs_come_back_isomorphic(graph: Any) -> None:
    text = CODEC.encode(graph)
    back = CODEC.decode(text)
    assert_same(graph, back)
    json.loads(text)
    if "set" not in text.lower() and "tuple" not in text:  # orders of hashes; identity of tuples is not promised
        assert CODEC.encode(back) == text


@settings(max_examples=200, deadline=None)
@given(st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)))
def test_random_values_come_back(value: Any) -> None:
    assert_same(value, CODEC.decode(CODEC.encode(value)))


def test_alias_between_a_local_and_a_shared_field(codec: Codec) -> None:
    order, shared = shop.Order(), [1]
    frame = shop.Order.MainFrame(order, items=shared)
    document = {"process": {"items": shared}, "goroutines": [[1, [frame]]]}
    back = codec.decode(codec.encode(document, process=order), process=order)
    assert back["goroutines"][0][1][0].items is back["process"]["items"]
    assert back["goroutines"][0][1][0].frame_receiver is order


def test_cycles(again: Again) -> None:
    items: list[Any] = []
    items.append(items)
    assert (back := again(items))[0] is back
    mapping: dict[Any, Any] = {}
    mapping[1] = mapping
    assert (copy := again(mapping))[1] is copy
    plain = shop.Plain()
    plain.me = (plain, {"me": plain})
    assert (other := again(plain)).me[1]["me"] is other


def test_cycle_through_a_hashed_object_is_filled_late(again: Again) -> None:
    members: set[Any] = set()
    key = shop.Key(part=(1, 2), number=3)
    object.__setattr__(key, "part", shop.Slim(1))
    members.add(key)
    plain = shop.Plain(members=members)
    by_key = {plain: members}
    plain.back = by_key
    back = again(plain)
    assert back.back[back] is back.members
    assert shop.Key(shop.Slim(1), 3) in back.members


def test_object_hashed_by_content_inside_its_own_cycle(again: Again) -> None:
    holder: list[Any] = []
    key = shop.Key(part="k")
    holder.append({key: holder})
    members: set[Any] = {key}
    holder.append(members)
    back = again(holder)
    (copy,) = back[1]
    assert back[0][shop.Key(part="k")] is back
    assert next(iter(back[0])) is copy


def test_what_cannot_be_made_again_is_refused_when_it_is_saved(codec: Codec) -> None:
    inner: list[Any] = []
    loop = shop.MyTuple((inner,))
    inner.append(loop)
    with pytest.raises(CodecError):
        codec.encode(loop)


def test_tuple_cycle_through_a_list_ends(again: Again) -> None:
    inner: list[Any] = []
    loop = (inner,)
    inner.append(loop)
    back = again(loop)
    assert back[0][0][0] is back[0]


def test_shared_tuples_do_not_explode(codec: Codec) -> None:
    value: Any = ()
    other: Any = ()
    for _ in range(400):
        value, other = (value, other, [1]), value
    assert len(codec.encode(value)) < 100_000
    codec.decode(codec.encode(value))


def test_linked_list_of_10_000_nodes(again: Again) -> None:
    head = None
    for value in range(10_000):
        head = shop.Node(value, head)
    back, length = again(head), 0
    while back is not None:
        back, length = back.next, length + 1
    assert length == 10_000


@pytest.mark.parametrize(
    "wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: {1: x}, lambda x: frozenset([x]), shop.Key]
)
def test_nested_5_000_deep(codec: Codec, wrap: Callable[[Any], Any]) -> None:
    value: Any = wrap("end")
    for _ in range(4_999):
        value = wrap(value) if not isinstance(value, frozenset) or len(repr(value)) < 2_000 else value
    back, depth = codec.decode(codec.encode(value)), 1
    assert type(back) is type(value)
    while (
        back := next(
            iter(back.values() if isinstance(back, dict) else [back.part] if isinstance(back, shop.Key) else back)
        )
    ) != "end":
        depth += 1
    assert depth == 5_000 or isinstance(value, frozenset)


def test_identity_across_the_deep_table(again: Again) -> None:
    shared: list[Any] = ["shared"]
    value: Any = [shared]
    for level in range(300):
        value = [value, shared, {"level": level}]
    value = [shared, value]
    back = again(value)
    top = back[0]
    node, count = back[1], 0
    while len(node) == 3:
        assert node[1] is top
        node, count = node[0], count + 1
    assert node[0] is top
    assert count == 300


def test_doubly_linked_ring_of_2_000(again: Again) -> None:
    ring = [shop.Plain(number=number) for number in range(2_000)]
    for one, two in itertools.pairwise([*ring, ring[0]]):
        one.next, two.previous = two, one
    node = start = again(ring[0])
    for number in range(2_000):
        assert node.number == number
        assert node.next.previous is node
        node = node.next
    assert node is start


def test_deep_table_with_sets_and_iterators(again: Again) -> None:
    items = [1, 2, 3]
    iterator = iter(items)
    next(iterator)
    key = shop.Key("k")
    value: Any = [iterator, {key}, items]
    for _ in range(120):
        value = [value]
    back = again([value, iterator, key, items])
    node = back[0]
    while len(node) == 1:
        node = node[0]
    assert node[0] is back[1]
    assert next(iter(node[1])) is back[2]
    assert node[2] is back[3]
    assert list(back[1]) == [2, 3]


@pytest.mark.parametrize("depth", [0, 120])
def test_iterator_inside_the_list_that_it_walks(again: Again, depth: int) -> None:
    items: list[Any] = []
    iterator, cursor = iter(items), iterate(items)
    wrapped: Any = [iterator, cursor]
    for _ in range(depth):
        wrapped = [wrapped]
    items += [wrapped, 2, 3]
    next(iterator), next(cursor)
    back = again(items)
    inner = back[0]
    for _ in range(depth):
        inner = inner[0]
    assert list(inner[0]) == [2, 3]
    assert list(inner[1]) == [2, 3]


CURSORS: dict[str, Callable[[], Any]] = {
    "list": lambda: [1, 2, 3],
    "dict": lambda: {"a": 1, "b": 2, "c": 3},
    "items": lambda: {"a": 1, "b": 2, "c": 3}.items(),
    "set": lambda: {1, 2, 3},
    "range": lambda: range(3),
    "enumerate": lambda: enumerate([1, 2, 3]),
    "zip": lambda: zip([1, 2, 3], {4: 1, 5: 2, 6: 3}, strict=True),
    "map": lambda: map(str, [1, 2, 3]),
    "deque": lambda: shop.collections.deque([1, 2, 3]),
}


@pytest.mark.parametrize("make", CURSORS.values(), ids=CURSORS)
def test_cursors_of_compiled_loops_go_on(again: Again, make: Callable[[], Any]) -> None:
    cursor = iterate(make())
    next(cursor)
    back = again(cursor)
    assert list(back) == list(cursor)


def test_cursor_shares_its_list(again: Again) -> None:
    items = [1, 2]
    cursor = iterate(items)
    next(cursor)
    back, one = again([items, cursor])
    back.append(3)
    assert list(one) == [2, 3]
