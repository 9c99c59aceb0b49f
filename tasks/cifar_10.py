"""CIFAR-10: how well a few images per class train a ConvNet, in place of fifty thousand.

cifar-10-binary.tar.gz (Krizhevsky 2009) is read from the folder that PINNDD_DATA names, or from its subfolder cifar-10. The network
is the ConvNet of the field, which needs a GPU; benchmarks/cifar10.py compares the methods of the field on it.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.stating import class_incremental, image_task

task = image_task(
    load_dataset("cifar-10"),
    "cifar_10",
    network="convnet-3",
    tasks={"the first five classes": class_incremental(range(5))},
    title="CIFAR-10, a few images per class",
)
