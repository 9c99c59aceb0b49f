"""Fashion-MNIST: how well a few images per class train a ConvNet, in place of sixty thousand.

Its four files (Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747) are read from the subfolder fashion-mnist of the folder that PINNDD_DATA
names.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.stating import class_incremental, image_task

task = image_task(
    load_dataset("fashion-mnist"),
    "fashion_mnist",
    network="convnet-3x32",
    tasks={"the first five classes": class_incremental(range(5))},
    title="Fashion-MNIST, a few images per class",
)
