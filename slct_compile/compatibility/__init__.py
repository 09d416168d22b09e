"""`slct-compile diff OLD NEW`: finds the manifests of two builds, has them compared, and tells what was found.

What is compared, and how, is `slct_manifest`'s. `command.py` reads builds, sources and git revisions; `report.py` writes text and JSON.
"""
