"""Folders that hold files: found or written, named, and forgotten when they are empty."""

from collections.abc import Collection, Iterator

from engine.store import texts
from engine.store.paths import Place, name_of
from engine.store.session import Session


def folder_ids(
    connection: Session, places: Collection[Place]
) -> tuple[dict[Place, int], list[tuple[int, str]]]:
    """Ids of folders, which are written where they are new; and those new, with their words."""
    found, new = {}, []
    for place in sorted(places):
        query = "SELECT id FROM folder WHERE root_id = ? AND path = ?"
        known = connection.exec_driver_sql(query, place).scalar_one_or_none()
        if known is None:
            insert = "INSERT INTO folder (root_id, path) VALUES (?, ?) RETURNING id"
            known = connection.exec_driver_sql(insert, place).scalar_one()
            new.append((int(known), place))
        found[place] = int(known)
    roots: dict[int, bytes] = {}
    if new:
        roots = dict(connection.exec_driver_sql("SELECT id, path FROM root").all())
    return found, [(one, folder_words(roots[root], path)) for one, (root, path) in new]


def folder_words(root: bytes, path: bytes) -> str:
    """The words of a folder and of those above it, down from the root's own name."""
    return " ".join(texts.name_words(name) for name in components(root, path))


def components(root: bytes, path: bytes) -> Iterator[str]:
    """Names of folders from the root's own down to a relative path."""
    names = (name_of(root), *path.split(b"/"))
    return (texts.decoded(name) for name in names if name)


def drop_empty_folders(connection: Session) -> None:
    """Forget folders that hold no file any more."""
    connection.exec_driver_sql(
        "DELETE FROM folder WHERE NOT EXISTS (SELECT 1 FROM fact WHERE folder_id = folder.id)"
    )
