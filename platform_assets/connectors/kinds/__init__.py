"""The connectors that come with Weir: a module or folder each, found by :mod:`..seam.types`.

Belongs here: readers of one kind of source each, and ``TYPES``, what the module offers. Does not
belong here: Kafka, cursors, mappings (``seam``); a kind knows no other kind.
"""
