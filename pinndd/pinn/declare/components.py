"""The components of u: how many there are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHOLE = "u"
"""What all components together are called where they have no names of their own."""


def component_names(outputs: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the components: those given, or ``u`` for one and ``u0``, ``u1``, … for several.

    Raises:
        ValueError: there is no component, or a name is no identifier, or stands twice.

    Examples:
        >>> component_names(1), component_names(2), component_names(("u", "v", "p"))
        (('u',), ('u0', 'u1'), ('u', 'v', 'p'))
    """
    if isinstance(outputs, str):
        raise ValueError(f"outputs={outputs!r} is a text; one name is written ({outputs!r},)")
    if isinstance(outputs, int):
        if outputs < 1:
            raise ValueError(f"outputs={outputs}; expected a number from 1 on, or the names of the components")
        return ("u",) if outputs == 1 else tuple(f"u{k}" for k in range(outputs))
    names = tuple(outputs)
    if not names:
        raise ValueError("outputs=() names no component; give at least one, such as ('u',)")
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"outputs={names}: {name!r} is no name; expected letters, digits and _, such as 'u' or 'v_x'")
        if names.count(name) > 1:
            raise ValueError(f"outputs={names}: the name {name!r} stands twice; every component has a name of its own")
    return names


def component_index(names: Sequence[str], component: int | str) -> int:
    """Return the number of a component that is given by its name or by its number, counted from 0.

    Raises:
        ValueError: there is no such component.
    """
    if isinstance(component, str) and component in names:
        return names.index(component)
    if isinstance(component, int) and 0 <= component < len(names):
        return component
    raise ValueError(
        f"is about component {component!r}; u has {', '.join(names)}: give one of these names, or a number from 0 to "
        f"{len(names) - 1}"
    )


def units_of_all(names: Sequence[str], units: Mapping[str, str]) -> dict[str, str]:
    """Return the units with that of ``u`` given to each of ``u0``, ``u1``, … that has none of its own.

    Examples:
        >>> units_of_all(("u0", "u1"), {"u": "m", "u1": "K", "x": "m"})
        {'u0': 'm', 'u1': 'K', 'x': 'm'}
    """
    numbered = names == component_names(len(names)) and WHOLE not in names
    if WHOLE not in units or not numbered:
        return dict(units)
    return dict.fromkeys(names, units[WHOLE]) | {name: unit for name, unit in units.items() if name != WHOLE}


def require_known(names: Sequence[str], coordinates: Sequence[str], units: Mapping[str, str], free: Sequence[str]) -> None:
    """Refuse components that are called like a coordinate, units of nothing, and unknown components up to a constant.

    Raises:
        ValueError: one of these.
    """
    for name in names:
        if name in coordinates:
            raise ValueError(f"outputs: a component and a coordinate are both called {name!r}; call one of them something else")
    for name in units:
        if name not in (*names, *coordinates):
            raise ValueError(
                f"units={dict(units)}: {name!r} is neither a component ({', '.join(names)}) nor a coordinate "
                f"({', '.join(coordinates)}); remove it, or name the components with outputs=(...)"
            )
    if isinstance(free, str):
        raise ValueError(f"up_to_constant={free!r} is a text; one name is written ({free!r},)")
    for name in free:
        if name not in names:
            raise ValueError(f"up_to_constant={tuple(free)}: {name!r} is no component; expected among {', '.join(names)}")
