"""The connectors that come with Weir: a folder each, found by :mod:`..seam.types`.

Belongs here: readers of one kind of source each, and ``TYPES``, what the folder offers. Does not
belong here: Kafka, cursors, mappings (``seam``); a kind knows no other kind.

The asset graph imports ``TYPES`` and with them the models of their configuration: these modules
are light. A reader's module, with Arrow and the source's client, is imported when one is opened.
"""
