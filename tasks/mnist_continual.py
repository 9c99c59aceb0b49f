"""Continual learning on MNIST: classes come two at a time, ten images of each are kept, and all classes are asked about in the end.

The four files of MNIST (LeCun, Cortes & Burges 1998) are read from the folder that PINNDD_DATA names, or from its subfolder mnist.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.remembering import continual_task

task = continual_task(
    load_dataset("mnist"),
    "mnist_continual",
    learning_rate=0.003,
    title="MNIST of which classes come two at a time, ten images kept of each",
)
