"""The asset graph of the lake, room by room.

Belongs here: rooms. Does not belong here: models (``ml/``), reports (``reports/``), sensors.
Start reading at ``definitions.py``, which assembles the graph.
"""
