"""MNIST: how well a few images per class train a ConvNet, in place of sixty thousand.

The four files of MNIST (LeCun, Cortes & Burges 1998) are read from the folder that PINNDD_DATA names, or from its subfolder mnist.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.stating import class_incremental, image_task

task = image_task(
    load_dataset("mnist"),
    "mnist",
    network="convnet-3x32",
    tasks={"the first five classes": class_incremental(range(5))},
    title="MNIST, a few images per class",
)
