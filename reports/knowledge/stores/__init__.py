"""Stores: where passages and vectors are kept.

Belongs here: one module a product, each behind :class:`.model.VectorStore`; each imports its
library inside the functions that use it or is imported only when chosen. Does not belong here:
BM25, fusion, parsing: the stores differ in nothing but where the rows lie.
"""
