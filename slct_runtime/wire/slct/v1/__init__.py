"""`slct.v1`: the protocol (`*.proto`) and what is generated from it (`*_pb2*`, by tools/generate_wire.py)."""
