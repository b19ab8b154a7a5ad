"""Search: a query becomes vectors and words, judgements of files, one list."""

from engine.search.hits import path_of
from engine.search.leg import query_vector
from engine.search.plain import Plain
from engine.search.scope import LINE, Listing, Scope
from engine.search.searcher import Searcher, centre_of
from engine.search.shelf import Shelf
from engine.search.shelves import Shelves

__all__ = [
    "LINE",
    "Listing",
    "Plain",
    "Scope",
    "Searcher",
    "Shelf",
    "Shelves",
    "centre_of",
    "path_of",
    "query_vector",
]
