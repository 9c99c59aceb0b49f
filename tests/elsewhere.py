"""A device that is not the processor, imagined: tensors there are real numbers that refuse to meet those of the processor.

What is computed on them is computed on the processor, so that loops that look at numbers go on; what a GPU would refuse is
refused, and where the processor has to wait for a GPU is counted.
"""

from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from pinndd.learners import adam

DEVICE = torch.device("meta")
"""Its name: of all devices that torch knows everywhere, nothing else here computes on this one."""

aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._unsafe_index.Tensor}
"""Operators whose indices may lie on the processor."""
WAITS = {aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default}


class Mixed(RuntimeError):
    """An operator is given tensors of both devices."""


class There(Tensor):
    """A tensor on the imagined device."""

    @staticmethod
    def __new__(cls, here):
        return Tensor._make_wrapper_subclass(
            cls, here.shape, strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype, device=DEVICE
        )

    def __init__(self, here):
        self.here = here

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {}, [])


class Imagined(TorchDispatchMode):
    """While it is active, tensors can be made on the imagined device; ``waits`` lists where the processor waits for it."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {}, self.waits)


class Made(TorchFunctionMode):
    """Tensors of Python's numbers, which torch makes without any dispatch; each is a copy that the processor waits for."""

    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (Tensor.numpy, Tensor.__array__) and isinstance(args[0], There):
            raise Mixed("numpy asks for a tensor that is not on the processor")
        if func is Tensor.tolist and isinstance(args[0], There):
            self.waits.append("tolist")
            return args[0].here.tolist()
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], There):
            args = (args[0], self._indices(args[1]), *args[2:])
        if func is Tensor.new_tensor and isinstance(args[0], There):
            like, value = args
            self.waits.append("new_tensor")
            return There(like.here.new_tensor(value, **kwargs))
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None and torch.device(kwargs["device"]) == DEVICE:
            self.waits.append("tensor")
            return There(func(*args, **{**kwargs, "device": "cpu"}))
        return func(*args, **kwargs)

    def _indices(self, index):
        """Return an index with a tensor in place of every list, of which torch makes one on the device."""
        if isinstance(index, list):
            self.waits.append("a list of indices")
            return torch.tensor(index, dtype=None if index else torch.long)
        return tuple(self._indices(each) for each in index) if isinstance(index, tuple) else index


def compute(func, args, kwargs, waits):
    given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    there = [value for value in given if isinstance(value, There)]
    asked = kwargs.get("device")
    if there and func not in MOVES:
        checked = args[:1] if func in INDEXED else (args, kwargs)
        alien = [v for v in tree_flatten(checked)[0] if isinstance(v, Tensor) and not isinstance(v, There) and v.ndim]
        if alien or (func in INDEXED and not isinstance(args[0], There)):
            raise Mixed(f"{func} is given tensors of both devices")
    masked = func in INDEXED and any(isinstance(i, Tensor) and i.dtype == torch.bool for i in args[1])
    moved = func in MOVES and asked is not None and (torch.device(asked) == DEVICE) != bool(there)
    if (there and (func in WAITS or masked)) or moved:
        waits.append(str(func))
    inner = {**kwargs, "device": torch.device("cpu")} if asked is not None else kwargs
    taken = tree_map(lambda v: v.here if isinstance(v, There) else v, (args, inner))
    found = func(*taken[0], **taken[1])
    lands = torch.device(asked) == DEVICE if asked is not None else bool(there)
    if not lands:
        return found
    # an operator in place, or one that returns what it is given, returns that
    known = {id(v.here): v for v in there}

    def landed(value):
        if not isinstance(value, Tensor) or isinstance(value, There):
            return value
        return known[id(value)] if id(value) in known else There(value)

    return tree_map(landed, found)


def moved(value):
    """Return what holds tensors with all of them on the imagined device."""
    if isinstance(value, Tensor):
        return There(value.detach().clone())
    if isinstance(value, dict):
        return {name: moved(each) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("pinndd"):
        changed = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        return replace(value, **{name: moved(each) for name, each in changed.items() if isinstance(each, Tensor | dict)})
    return value


@contextmanager
def imagined():
    """Compute on the imagined device in here; the mode counts where the processor waits."""
    mode = Imagined()
    try:
        with mode, Made(mode.waits):
            yield mode
    finally:
        # which holds tensors by the name of their device
        adam._rates.cache_clear()
