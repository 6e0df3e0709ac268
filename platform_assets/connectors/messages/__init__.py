"""What queues, streams and document stores have in common: messages to rows, pages, errors.

Belongs here: decoding payloads, columns of values of any shape, bounded pages of a live source,
saying what a client's error means. Does not belong here: any one service (``kinds``), Kafka's
side, mappings (``seam``).
"""
