"""The compiler: `async def` in, explicit state machines out.

Imports libcst and nothing of ours. In reading order: `_pipeline` names the passes; `_index` and `_definitions` find
what is durable; `_unsupported` refuses; `_normalize` brings every await to the form `t = await op`; `lower` makes the graph
of `ir.ops`; `analysis.liveness` finds what survives each suspension; `_naming` names the states; `emit` prints them
on a `_page`; `_format` and `_tree` put the text where it belongs. `diagnostics` is the catalogue of what can be said.
"""

from __future__ import annotations
