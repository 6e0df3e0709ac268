"""Where in a YAML file a value stands."""

from __future__ import annotations

from typing import Any

import yaml


def line_of(node: yaml.Node, place: tuple[Any, ...]) -> int:
    """The line of a value, or of the nearest thing around it that is there.

    Args:
        node: the document, as ``yaml.compose`` gives it.
        place: keys and indices, e.g. ``("signals", 0, "column")``.
    """
    line = node.start_mark.line + 1
    for part in place:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, child = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            child = node.value[part] if part < len(node.value) else None
            line = child.start_mark.line + 1 if child else line
        if child is None:
            break
        node = child
    return line
