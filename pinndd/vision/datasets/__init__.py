"""Data to classify: published sets with checksums, and a user's own arrays under the same checks."""

from pinndd.stated.parts import stratified_split
from pinndd.vision.datasets.arrays import from_arrays
from pinndd.vision.datasets.dataset import Dataset
from pinndd.vision.datasets.idx import DatasetFileError
from pinndd.vision.datasets.loading import DATASETS, load_dataset

__all__ = ["DATASETS", "Dataset", "DatasetFileError", "from_arrays", "load_dataset", "stratified_split"]
