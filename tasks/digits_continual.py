"""Continual learning on digits: classes come two at a time, ten images of each are kept, and all classes are asked about in the end.

scikit-learn's digits. The memory of a step is distilled when its classes come; networks are trained on the memory alone.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.remembering import continual_task

task = continual_task(
    load_dataset("digits"), "digits_continual", title="Digits of which classes come two at a time, ten images kept of each"
)
