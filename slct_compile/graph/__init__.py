"""`slct-compile graph`: the states of a program as a picture.

A manifest in, text out; knows nothing of sources. `picture.py` decides what is drawn: the states in which a goroutine may wait, and how it gets from
one to the next; `mermaid.py` and `dot.py` write that down; an SVG is what Graphviz makes of the DOT text.
"""
