"""What all connectors over HTTP share: who may be asked, how fast, as whom, and what comes back.

Belongs here: addresses, pace, credentials, the client, JSON records to rows, reading in increments.
Does not belong here: any one protocol (``kinds``), the log (``seam``).
"""
