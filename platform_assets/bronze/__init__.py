"""Bronze: every record as it came.

Belongs here: the assets that a person materialises to take a window's records again.
Does not belong here: the stream run that lands them as they come (``stream_run.py``), how
records are read (``engines/``). Next room: silver.
"""
